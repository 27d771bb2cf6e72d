//! The start of the process.

use std::collections::BTreeMap;
use std::io;

use super::announcer::Announcer;
use super::checkpoint::Checkpoint;
use super::firewall::Firewall;
use super::parts::{
    ADVERTS, BEATS, DBUS, FILES, LOOK_UPS, MONITOR, NFTABLES, OWN_LINKS, PROCESSES, SCRIPTS, SESSIONS, SOCKETS, SYNC,
    VrrpProcess, WRITER, descriptors, followed, netlink_buffers, watched,
};
use super::sockets::Sockets;
use super::trackers::{self, TrackerSources};
use crate::kernel::{OwnLinkWriter, Writer, capabilities};
use crate::mib;
use crate::net::InitFiles;
use crate::notify::dbus::Dbus;
use crate::notify::fifo::{self, FifoView};
use crate::notify::mail::Mailer;
use crate::notify::scripts::{Origin, Runners};
use crate::process::buffers::Buffers;
use crate::process::cli;
use crate::process::context::Context;
use crate::process::harness::{ChildStart, Harness, Parts, Service, Shell, Watch, direct_notifications};
use crate::process::held;
use crate::process::sequences;
use crate::process::sessions::Subscription;
use crate::process::sync_daemon::SyncDaemon;
use crate::process::tuning::{self, Tuning};
use crate::reactor::Interest;
use crate::vrrp::{Tables, Vrrp};

/// Address requests in the queue to the kernel.
const WRITER_CAPACITY: usize = 1 << 20;

const SERVICE: Service<Vrrp> = Service { modules: mib::VRRP_MODULES, description: "Keepalived VRRP" };

/// Runs the process until its stop.
pub(super) fn run(start: ChildStart<'_>) -> io::Result<()> {
    let agents = start.agents(SERVICE);
    let (indices, checkpoint) = start.predecessor::<VrrpProcess>();
    // A replacement does not overwrite tracked files, which users may have changed.
    let first = start.saved.checkpoint.is_none();
    let init_files = if first { InitFiles::AsWritten } else { InitFiles::IfMissing };
    let ChildStart { options, config, ipvs, engine, clean_up, pid_file, locked, dumps, channel, signals, log, .. } =
        start;
    let (held, found) = held::start(&pid_file, log.clone())?;
    let (sequences, recalled) = sequences::start(&pid_file, log.clone())?;
    let global = &config.global;
    let settings = global.vrrp_process.clone();
    let descriptors = descriptors(config.instances.len());
    let auto_priority = tuning::apply(Tuning { settings, descriptors }, &log);
    let mut tables = Tables::numbered(config, cli::version_text(), indices);
    // If they cannot be read, assume that none is missing: the kernel will report it.
    tables.lacking = capabilities::missing(capabilities::TO_WORK).unwrap_or_default();
    let mut vrrp = Vrrp::new(tables);
    vrrp.recall_sequences(&recalled);
    vrrp.resume(&checkpoint.states);
    vrrp.inherit(found);

    let mut buffers = Buffers::new("vrrp");
    buffers.apply(netlink_buffers(&vrrp), &log);
    let shell = Shell::new(auto_priority, log.clone())?;
    let mut sessions = Subscription::new(SESSIONS);
    sessions.expect(followed(&vrrp), shell.now());
    let reactor = &shell.reactor;
    let address_log = options.address_monitoring.then(|| shell.log.clone());
    let watch = Watch::start(reactor, MONITOR, address_log, watched(&vrrp))?;
    let sockets = Sockets::new(ADVERTS, log.clone()).context("start the thread of sockets")?;
    let announcer = Announcer::open().context("open a socket for ARP")?;
    let firewall = Firewall::new(NFTABLES);
    let own = || firewall.own.clone();
    let writer = Writer::start(WRITER_CAPACITY, own()).context("open a socket for addresses and routes")?;
    let Checkpoint { states, settings, link_settings } = checkpoint;
    let own_links = OwnLinkWriter::start_own_links(WRITER_CAPACITY, link_settings.clone(), own());
    let own_links = own_links.context("open a socket for VMACs")?;
    reactor.register(&writer, WRITER, Interest::READABLE).context("watch the thread of addresses")?;
    reactor.register(&own_links, OWN_LINKS, Interest::READABLE).context("watch the thread of VMACs")?;
    reactor.register(&sockets, SOCKETS, Interest::READABLE).context("watch the thread of sockets")?;
    reactor.register(&announcer, LOOK_UPS, Interest::READABLE).context("watch look-ups of link addresses")?;
    let scripts =
        Runners::start(&[Origin::Transitions, Origin::Adverts], &log).context("start the threads of notify scripts")?;
    let mailer = Mailer::start(vrrp.tables().system.global.as_ref(), log);
    let tokens = trackers::Tokens { children: SCRIPTS, files: FILES, processes: PROCESSES, beats: BEATS };
    let process = VrrpProcess {
        vrrp,
        buffers,
        watch,
        writer,
        own_links,
        firewall,
        sockets,
        unread: false,
        announcer,
        tracker_sources: TrackerSources::new(tokens, init_files),
        sessions,
        sysctls: settings,
        link_settings,
        sync_daemon: SyncDaemon::new(SYNC, ipvs),
        keep_addresses: options.dont_release_vrrp,
        sequences,
        states,
        requests: Vec::new(),
        links_changed: false,
        prune_due: false,
        send_errors: BTreeMap::new(),
        silent: clean_up,
        dbus: Dbus::new(DBUS, &shell.log),
    };
    let dbus = process.dbus.view();
    let fifos = FifoView::new(fifo::of_vrrp, process.vrrp.tables().system.global.as_ref(), &shell.log);
    let mut views = vec![Box::new(scripts) as _, Box::new(mailer) as _, Box::new(fifos) as _, Box::new(dbus) as _];
    if !clean_up {
        views.push(direct_notifications(&SERVICE, &process.vrrp, engine, shell.log.clone()));
    }
    Harness::new(Parts {
        process,
        shell,
        signals,
        channel,
        agents,
        views,
        held: Some(held),
        clean_up,
        dumps,
        pid_file: Some(locked),
    })?
    .run()
}
