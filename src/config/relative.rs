//! Makes relative paths absolute, for processes with another working directory.

use std::path::Path;

use super::lvs::{CheckerKind, VirtualServer};
use super::model::{Config, Script, Scripts, TrackFile};

/// Makes the paths of a configuration absolute; those of virtual servers are left to [`server`].
pub(super) fn config(config: &mut Config, directory: &Path) {
    let Config { global, instances, sync_groups, trackers, lvs, .. } = config;
    for timed in [&mut global.startup_script, &mut global.shutdown_script].into_iter().flatten() {
        script(&mut timed.script, directory);
    }
    for fifo in global.fifos.each_mut() {
        file(&mut fifo.path, directory);
        fifo.script.iter_mut().for_each(|found| script(found, directory));
    }
    global.dumps.each_mut().for_each(|path| file(path, directory));
    let of_instances = instances.iter_mut().map(|instance| &mut instance.scripts);
    for found in of_instances.chain(sync_groups.iter_mut().map(|group| &mut group.scripts)) {
        let Scripts { master, backup, fault, stop, any, deleted, master_rx_lower_pri } = found;
        for found in [master, backup, fault, stop, any, deleted, master_rx_lower_pri].into_iter().flatten() {
            script(found, directory);
        }
    }
    trackers.scripts.iter_mut().for_each(|found| script(&mut found.script, directory));
    for TrackFile { path, .. } in trackers.files.iter_mut().chain(&mut lvs.track_files) {
        file(path, directory);
    }
    for path in [&mut lvs.tls.ca, &mut lvs.tls.certificate, &mut lvs.tls.key].into_iter().flatten() {
        file(path, directory);
    }
}

/// Makes the paths of a virtual server absolute.
pub(super) fn server(server: &mut VirtualServer, directory: &Path) {
    for found in [&mut server.quorum_up, &mut server.quorum_down].into_iter().flatten() {
        script(found, directory);
    }
    for real in &mut server.real_servers {
        for found in [&mut real.notify_up, &mut real.notify_down].into_iter().flatten() {
            script(found, directory);
        }
        for checker in &mut real.checkers {
            if let CheckerKind::Misc(misc) = &mut checker.kind {
                script(&mut misc.script, directory);
            }
        }
    }
}

/// A name without `/` is searched in the directories of programs.
fn script(script: &mut Script, directory: &Path) {
    if let Some(program) = script.argv.first_mut().filter(|program| program.contains('/')) {
        file(program, directory);
    }
}

fn file(path: &mut String, directory: &Path) {
    if !path.is_empty() && Path::new(path.as_str()).is_relative() {
        *path = directory.join(path.as_str()).display().to_string();
    }
}
