//! Commands of an operator for instances: yielding, and its end.

use std::time::Duration;

use crate::control::{Absence, Command};
use crate::vrrp::{Event, InstanceId, Tables, Vrrp};

/// Carries out a command; the result says what was done.
///
/// # Errors
/// Why it cannot be done.
pub(super) fn carry_out(vrrp: &mut Vrrp, command: &Command, now: Duration) -> Result<String, String> {
    match command {
        Command::Yield(Absence { name, seconds }) => {
            let members = members(vrrp.tables(), name)?;
            let until = seconds.map(|seconds| now.saturating_add(Duration::from_secs(seconds.into())));
            vrrp.handle(Event::Yield(members.clone(), until), now);
            let how_long = seconds.map_or("until resumed".to_owned(), |seconds| format!("for {seconds} s"));
            Ok(lines(vrrp.tables(), &members, &format!("yields {how_long}")))
        }
        Command::Resume(name) => {
            let members = members(vrrp.tables(), name)?;
            let yielded = |id: &InstanceId| vrrp.tables().instances.get(id).is_some_and(|row| row.yielded.is_some());
            if !members.iter().any(yielded) {
                return Err(format!("{name} has not yielded"));
            }
            vrrp.handle(Event::TakePart(members.clone()), now);
            Ok(lines(vrrp.tables(), &members, "takes part again"))
        }
        Command::Weight(_) => Err("the VRRP process has no real servers".to_owned()),
    }
}

fn members(tables: &Tables, name: &str) -> Result<Vec<InstanceId>, String> {
    let members = tables.yielding_together(name);
    if members.is_empty() {
        return Err(format!("no vrrp_instance or vrrp_sync_group has the name '{name}'"));
    }
    Ok(members)
}

fn lines(tables: &Tables, members: &[InstanceId], done: &str) -> String {
    let rows = members.iter().filter_map(|id| tables.instances.get(id));
    rows.map(|row| format!("{} {done}, state {}\n", row.config.name, row.state.word())).collect()
}
