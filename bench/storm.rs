//! Storms: the effect of creating and deleting unrelated links and routes on a master's adverts.

use std::time::Duration;

use lab::conf::many;
use lab::netns::{Netns, next_lab};
use lab::storm::{delete_links, delete_routes, make_links, make_routes};
use lab::{Daemon, Lab, now, wait_until};

use crate::report::{ms, spread};
use crate::{DAEMONS, LIMIT, LOW, await_all};

const INTERVAL: Duration = Duration::from_millis(100);
/// Number of storms of each kind and daemon.
const STORMS: usize = 3;
/// Time after a storm, as the kernel deletes links after it has answered the request; and a time without storm.
const AFTER: Duration = Duration::from_secs(2);

/// The table: veth pairs in the router's namespace, the deletion of a namespace with many links, and the routes of another
/// program.
pub fn storm() {
    println!(
        "\n## Unrelated links and routes created and deleted beside a master, advert_int 0.1 s: longest gap between adverts\n"
    );
    println!("| storm | daemon | idle: gap ms median (min-max) | gap ms median (min-max) | gap / interval |");
    println!("|---|---|---|---|---|");
    for _ in 0..2 {
        for daemon in DAEMONS {
            report("500 veth pairs, 255 x 20 addresses", daemon, 255, 20, |lab| {
                make_links(lab.router(1).netns(), 500);
                delete_links(lab.router(1).netns(), 500);
            });
        }
        for daemon in DAEMONS {
            report("a namespace of 4,000 links deleted, 1 x 1 address", daemon, 1, 1, |_| {
                let netns = Netns::new(next_lab(), "storm");
                make_links(&netns, 2000);
                drop(netns);
            });
        }
        for daemon in DAEMONS {
            report("10,000 routes set and removed, 10 x 1 address", daemon, 10, 1, |lab| {
                make_routes(lab.router(1).netns(), 10_000);
                delete_routes(lab.router(1).netns(), 10_000);
            });
        }
    }
}

fn report(what: &str, daemon: Daemon, instances: u8, addresses: usize, storm: impl Fn(&mut Lab)) {
    let mut lab = Lab::new(1);
    lab.router(1).configure(&many(instances, addresses, LOW, INTERVAL));
    lab.router(1).start(daemon);
    await_all(&lab, 1, instances, Duration::ZERO);
    let all = usize::from(instances) * addresses;
    wait_until(LIMIT, "all addresses are set", || lab.router(1).count_addresses("10.1") == all);
    // Wait until the second burst of announcements is over.
    std::thread::sleep(Duration::from_secs(6));
    let mut longest = |storm: &dyn Fn(&mut Lab)| -> Vec<f64> {
        let once = |_| {
            let from = now();
            storm(&mut lab);
            std::thread::sleep(AFTER);
            let schedule = lab.wire.schedule(1, from, now());
            let gaps = schedule.values().flat_map(|adverts| adverts.windows(2)).map(|pair| ms(pair[1] - pair[0]));
            lab.wire.clear();
            gaps.fold(0.0, f64::max)
        };
        (0..STORMS).map(once).collect()
    };
    let (idle, gaps) = (longest(&|_| {}), longest(&storm));
    let worst = gaps.iter().copied().fold(0.0, f64::max) / ms(INTERVAL);
    println!(
        "| {what} | {} | {} | {} | {worst:.2} |",
        daemon.name(),
        spread(idle.into_iter(), 1),
        spread(gaps.into_iter(), 1)
    );
}
