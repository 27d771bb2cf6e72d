//! Random scenarios: the same seed gives the same scenario.

use std::net::IpAddr;
use std::time::Duration;

use lab::Forged;

use super::scenario::{Event, Phase, Scenario};

/// Time in which an instance of the scenarios becomes master when its master is silent, with a reserve.
const SETTLE: f64 = 1.9;

/// A small generator of pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % limit
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What the routers have in common of an instance.
#[derive(Debug, Clone)]
struct Common {
    vrid: u8,
    ip6: bool,
    vmac: bool,
    interval: &'static str,
    vips: Vec<String>,
}

/// The configuration of one router.
#[derive(Debug, Clone)]
struct Config {
    common: Vec<Common>,
    /// Priority and further lines of each instance.
    own: Vec<(u8, Vec<String>)>,
    /// Lines of the sync group of all instances, if there is one.
    group: Option<Vec<String>>,
    file_weight: &'static str,
    script_weight: &'static str,
}

/// Builds the scenario of a seed: two routers, one or two instances.
pub fn scenario(seed: u64) -> Scenario {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let common: Vec<Common> = (51..51 + random.pick(&[1, 1, 2, 2])).map(|vrid| instance(&mut random, vrid)).collect();
    let grouped = common.len() > 1 && random.percent(60);
    let mut configs: Vec<Config> = (0..2).map(|_| config(&mut random, &common, grouped)).collect();
    let confs = configs.iter().map(Config::text).collect();
    let files =
        (1..=2).flat_map(|router| ["number", "status"].map(|name| Event::Write(router, name, "0\n".to_owned())));
    let starts = [Event::Start(1), Event::Pause(Duration::from_millis(random.pick(&[0, 400, 1500]))), Event::Start(2)];
    let mut phases = vec![Phase::of(SETTLE + 1.0, files.chain(starts).collect())];
    let mut down = false;
    for _ in 0..random.pick(&[4, 5, 6]) {
        phases.push(phase(&mut random, &mut configs, &mut down));
    }
    Scenario { confs, phases }
}

fn instance(random: &mut Random, vrid: u8) -> Common {
    let ip6 = random.percent(30);
    let vips = (0..random.pick(&[1, 2, 3])).map(|number| match (ip6, number) {
        (true, 0) => format!("fe80::9:{vrid}"),
        (true, _) => format!("fd09::9:{vrid}:{number}"),
        (false, _) => format!("10.{vrid}.{number}.1{}", ["", "/24"][number % 2]),
    });
    let vips = vips.collect();
    Common { vrid, ip6, vmac: random.percent(20), interval: random.pick(&["0.1", "0.2", "0.3"]), vips }
}

fn config(random: &mut Random, common: &[Common], grouped: bool) -> Config {
    let priority = random.pick(&[50, 100, 100, 150, 200, 254]);
    let own = common.iter().map(|_| {
        let priority = if grouped { priority } else { random.pick(&[1, 50, 100, 150, 254]) };
        (priority, lines(random, grouped))
    });
    Config {
        common: common.to_vec(),
        own: own.collect(),
        group: grouped.then(|| trackers(random)),
        file_weight: random.pick(&["", "weight 1", "weight -2", "weight 1 reverse", "weight 0 reverse"]),
        script_weight: random.pick(&["", "", "weight 30", "weight -60"]),
    }
}

/// Further lines of an instance.
fn lines(random: &mut Random, grouped: bool) -> Vec<String> {
    let mut lines = if grouped { Vec::new() } else { trackers(random) };
    let states: [&[&str]; 5] = [
        &[],
        &["state BACKUP"],
        &["state MASTER"],
        &["state BACKUP", "nopreempt"],
        &["state BACKUP", "preempt_delay 1"],
    ];
    lines.extend(random.pick(&states).iter().map(|line| (*line).to_owned()));
    for line in ["dont_track_primary", "promote_secondaries", "garp_master_delay 1", "higher_prio_send_advert true"] {
        if random.percent(10) {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// Blocks that track something.
fn trackers(random: &mut Random) -> Vec<String> {
    let weight = random.pick(&["", " weight 20", " weight -50", " weight 30 reverse"]);
    let blocks = [
        (30, format!("track_interface {{\n tk0{weight}\n}}")),
        (40, "track_file {\n number\n}".to_owned()),
        (30, "track_script {\n status\n}".to_owned()),
    ];
    blocks.into_iter().filter_map(|(chance, block)| random.percent(chance).then_some(block)).collect()
}

impl Config {
    fn text(&self) -> String {
        let mut text = format!(
            "global_defs {{\n}}\ntrack_file number {{\n file DIR/number\n {}\n}}\nvrrp_script status {{\n \
             script \"DIR/check.sh DIR/status\"\n interval 1\n {}\n}}\n",
            self.file_weight, self.script_weight
        );
        if let Some(lines) = &self.group {
            let members: Vec<String> = self.common.iter().map(|common| format!("V{}", common.vrid)).collect();
            text +=
                &format!("vrrp_sync_group G {{\n group {{\n {}\n}}\n{}\n}}\n", members.join("\n "), lines.join("\n"));
        }
        for (common, (priority, lines)) in self.common.iter().zip(&self.own) {
            let vmac = if common.vmac { "use_vmac" } else { "" };
            text += &format!(
                "vrrp_instance V{0} {{\n interface eth0\n version 3\n virtual_router_id {0}\n priority {priority}\n \
                 advert_int {1}\n {vmac}\n {2}\n virtual_ipaddress {{\n {3}\n}}\n}}\n",
                common.vrid,
                common.interval,
                lines.join("\n "),
                common.vips.join("\n ")
            );
        }
        text
    }
}

/// An event with what undoes it, or a change of the configuration.
fn phase(random: &mut Random, configs: &mut [Config], down: &mut bool) -> Phase {
    let router = random.pick(&[1, 1, 2]);
    let pause = Event::Pause(Duration::from_secs_f64(SETTLE));
    match random.below(9) {
        0 => {
            *down = !*down;
            let to = if *down { "down" } else { "up" };
            Phase::new(SETTLE, Event::Ip(1, format!("link set tk0p {to}")))
        }
        1 => Phase::of(SETTLE, vec![Event::Cable(router, false), pause, Event::Cable(router, true)]),
        2 => Phase::of(SETTLE, vec![Event::Join(router, false), pause, Event::Join(router, true)]),
        3 => {
            let text = random.pick(&["0", "1", "-1", "20", "-30", "254", "-254"]);
            Phase::new(SETTLE, Event::Write(router, "number", format!("{text}\n")))
        }
        4 => Phase::new(SETTLE + 1.2, Event::Write(router, "status", random.pick(&["0\n", "1\n"]).to_owned())),
        5 => Phase::of(SETTLE, vec![Event::Stop(router), pause, Event::Start(router)]),
        6 => Phase::of(SETTLE, vec![Event::Kill(router), pause, Event::Start(router)]),
        7 => Phase::new(SETTLE, advert(random, &configs[0].common)),
        _ => {
            let config = &mut configs[router - 1];
            change(random, config);
            Phase::new(SETTLE + 0.5, Event::Reload(router, config.text()))
        }
    }
}

/// Adverts of a further router.
fn advert(random: &mut Random, common: &[Common]) -> Event {
    let common = &common[random.below(common.len())];
    let vips: Vec<IpAddr> = common.vips.iter().map(|vip| vip.split('/').next().unwrap().parse().unwrap()).collect();
    let interval = Duration::from_secs_f64(common.interval.parse().unwrap());
    let centiseconds = u16::try_from(interval.as_millis() / 10).unwrap();
    let (priority, times) = random.pick(&[(0, 1), (255, 10), (254, 10), (120, 10), (2, 10)]);
    Event::Forge(Forged::right(3, common.vrid, priority, centiseconds, &vips), times, interval)
}

/// Changes a configuration as an administrator might.
fn change(random: &mut Random, config: &mut Config) {
    let number = random.below(config.own.len());
    let grouped = config.group.is_some();
    match random.below(6) {
        0 => config.own[number].0 = random.pick(&[40, 90, 120, 220, 254]),
        1 => config.own[number].1 = lines(random, grouped),
        2 if grouped => config.group = Some(trackers(random)),
        3 => config.file_weight = random.pick(&["", "weight 2", "weight -1", "weight 1 reverse"]),
        4 => {
            let Common { vips, ip6, .. } = &mut config.common[number];
            if vips.len() > 1 { vips.truncate(1) } else { vips.push(extra(*ip6, number)) }
        }
        _ => config.common[number].vips.reverse(),
    }
}

fn extra(ip6: bool, number: usize) -> String {
    if ip6 { format!("fd09::9:9:{number}") } else { format!("10.9.9.{}", number + 1) }
}
