//! The files of snmp/nms/ agree with the MIB modules and with the metrics of `--status=metrics`: each object, identifier and
//! metric that they name exists. tests/nms.sh tries them with the products.
#![allow(clippy::unwrap_used, reason = "a test")]

mod kit;
#[cfg(test)]
#[path = "../support/mib_text.rs"]
mod mib_text;
mod promql;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use keepalived::status::{Status, metrics as openmetrics};
use kit::{Mibs, leaves, oids, strings, text, values, yaml};
use yaml_rust2::Yaml;

const MODULE: &str = "keepalived_rs";

fn module() -> Yaml {
    yaml("prometheus/snmp.yml")["modules"][MODULE].clone()
}

/// The metrics of snmp.yml.
fn snmp_metrics() -> BTreeSet<String> {
    module()["metrics"].as_vec().unwrap().iter().map(|metric| metric["name"].as_str().unwrap().to_owned()).collect()
}

/// The families of `keepalived --status=metrics` that are no counters, and the samples of the counters.
fn status_metrics() -> BTreeSet<String> {
    let page = openmetrics::text(&Status::default());
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() }).collect()
}

/// Panics unless all metrics of an expression are known.
fn assert_known(expression: &str, known: &BTreeSet<String>, place: &str) {
    let metrics = promql::metrics(expression);
    assert!(!metrics.is_empty(), "{place}: no metric in {expression}");
    for metric in metrics {
        assert!(known.contains(&metric), "{place}: unknown metric {metric} in {expression}");
    }
}

fn with<'a>(known: BTreeSet<String>, more: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    known.into_iter().chain(more.into_iter().map(str::to_owned)).collect()
}

/// What Prometheus and node_exporter add, and the names that the rules record.
const ADDED: [&str; 4] =
    ["up", "node_textfile_mtime_seconds", "keepalived:virtual_server_info", "keepalived:real_server_info"];

#[test]
fn snmp_yml_has_the_objects_that_generator_yml_walks() {
    let mibs = Mibs::load();
    let input = &yaml("prometheus/generator.yml")["modules"][MODULE];
    let overrides = input["overrides"].as_hash().unwrap();
    for name in overrides.keys().chain(values(input, "lookup")).chain(values(input, "source_indexes")) {
        for name in strings(name) {
            assert!(mibs.is_object(name), "generator.yml: {name} is in no MIB module");
        }
    }
    let ignored = |name: &str| {
        overrides.get(&Yaml::String(name.to_owned())).is_some_and(|is| is["ignore"] == Yaml::Boolean(true))
    };
    let mut expected = BTreeSet::new();
    for walk in input["walk"].as_vec().unwrap().iter().map(|walk| walk.as_str().unwrap()) {
        let name = if walk.starts_with("1.") { mibs.name_of(walk) } else { walk };
        let found = leaves(&mibs, &mibs.object(name).oid);
        assert!(!found.is_empty(), "generator.yml: {name} has no columns");
        expected.extend(found.into_iter().map(|leaf| leaf.name.clone()).filter(|leaf| !ignored(leaf)));
    }
    // The generator lists indices that cannot be read; they have no values.
    let mut found = snmp_metrics();
    found.retain(|name| mibs.object(name).access != "not-accessible");
    assert_eq!(found, expected, "snmp.yml is out of date: run `make nms`");
    for metric in module()["metrics"].as_vec().unwrap() {
        let (name, oid) = (metric["name"].as_str().unwrap(), metric["oid"].as_str().unwrap());
        assert_eq!(mibs.name_of(oid), name, "snmp.yml is out of date: run `make nms`");
        let kind = metric["type"].as_str().unwrap();
        let syntax = mibs.object(name).syntax.as_ref().unwrap();
        assert_eq!(kind == "counter", syntax.base.starts_with("Counter"), "{name}");
    }
}

#[test]
fn rules_name_known_metrics_and_all_alerts_are_tested() {
    for (name, known) in [("keepalived-snmp", snmp_metrics()), ("keepalived-metrics", status_metrics())] {
        let known = with(known, ADDED);
        let rules = yaml(&format!("prometheus/{name}.rules.yml"));
        for expression in values(&rules, "expr") {
            assert_known(expression.as_str().unwrap(), &known, name);
        }
        let names = |yaml: &Yaml, key| -> BTreeSet<String> {
            values(yaml, key).iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let alerts = names(&rules, "alert");
        assert!(alerts.len() > 10, "{name}");
        let tests = yaml(&format!("prometheus/{name}.test.yml"));
        let expected: Vec<&Yaml> =
            tests["tests"].as_vec().unwrap().iter().flat_map(|test| values(test, "alert_rule_test")).collect();
        let firing = expected.iter().flat_map(|tests| tests.as_vec().unwrap());
        let firing = firing.filter(|test| !test["exp_alerts"].as_vec().unwrap().is_empty());
        let tested: BTreeSet<String> = firing.map(|test| test["alertname"].as_str().unwrap().to_owned()).collect();
        assert_eq!(tested, alerts, "{name}: alerts with a test that they fire");
        for alert in rules["groups"].as_vec().unwrap().iter().flat_map(|group| group["rules"].as_vec().unwrap()) {
            let severity = alert["labels"]["severity"].as_str();
            assert!(alert["record"].as_str().is_some() || severity.is_some(), "an alert has no severity: {alert:?}");
        }
    }
}

#[test]
fn the_dashboard_asks_for_known_metrics() {
    let dashboard: serde_json::Value = serde_json::from_str(&text("grafana/keepalived.json")).unwrap();
    let known = with(snmp_metrics(), ADDED);
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let place = &panel["gridPos"];
        let number = |key: &str| place[key].as_u64().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have an id: {panel}");
        assert!(number("x") + number("w") <= 24, "a panel is too wide: {panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            assert_known(target["expr"].as_str().unwrap(), &known, panel["title"].as_str().unwrap());
        }
    }
    assert!(panels.len() > 15);
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        if let Some(expression) = annotation["expr"].as_str() {
            assert_known(expression, &known, "annotations");
        }
    }
}

#[test]
fn the_console_asks_for_known_metrics() {
    let console = text("prometheus/keepalived.html");
    let known = with(snmp_metrics(), ADDED);
    // Metrics are followed by their matchers, which are variables of the template.
    let mut metrics = BTreeSet::new();
    for matcher in ["{%s}", "%s", "{ {{-", "{instance="] {
        for (at, _) in console.match_indices(matcher) {
            let before = &console[..at];
            let name = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
            metrics.extend((name.len() < before.len()).then(|| &before[name.len()..]));
        }
    }
    assert!(metrics.len() > 10, "{metrics:?}");
    for metric in metrics {
        assert!(known.contains(metric), "the console asks for {metric}");
    }
}

#[test]
fn the_template_of_zabbix_reads_the_objects_that_it_names() {
    let mibs = Mibs::load();
    let template = yaml("zabbix/keepalived.yaml");
    let ids: Vec<&str> = values(&template, "uuid").iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "a UUID is used twice");
    for id in ids {
        // Version 4, variant 1, or Zabbix refuses it.
        assert!(id.len() == 32 && id.as_bytes()[12] == b'4' && b"89ab".contains(&id.as_bytes()[16]), "{id}");
    }
    let keys: Vec<&str> = values(&template, "key").iter().filter_map(|key| key.as_str()).collect();
    for expression in values(&template, "expression") {
        let expression = expression.as_str().unwrap();
        for part in expression.split("/keepalived by SNMP/").skip(1) {
            assert!(keys.iter().any(|key| part.starts_with(key)), "a trigger names an unknown item: {expression}");
        }
    }
    // The description of an item begins with the object that it shows.
    let mut shown = 0;
    let lists = ["items", "item_prototypes"].map(|key| values(&template, key));
    for item in lists.into_iter().flatten().flat_map(|items| items.as_vec().unwrap()) {
        let description = item["description"].as_str().unwrap();
        let object = description.split([' ', ':', '.']).next().unwrap();
        for step in item["preprocessing"].as_vec().into_iter().flatten() {
            if step["type"].as_str() == Some("SNMP_WALK_VALUE") {
                let oid = step["parameters"][0].as_str().unwrap().replace(".{#SNMPINDEX}", "");
                assert_eq!(mibs.name_of(&oid), object, "{:?}", item["key"]);
                let walk = item["master_item"]["key"].as_str().unwrap();
                assert!(walk_has(&template, walk, &oid), "{walk} does not walk {object}");
                shown += 1;
            }
        }
        if let Some(map) = item["valuemap"]["name"].as_str() {
            assert_value_map(&mibs, &template, map, object);
        }
    }
    assert!(shown > 30, "{shown}");
}

/// Whether the item `key` walks an identifier, or a table or group that has it.
fn walk_has(template: &Yaml, key: &str, oid: &str) -> bool {
    let items = values(template, "items");
    let mut items = items.iter().flat_map(|items| items.as_vec().unwrap());
    let walk = items.find(|item| item["key"].as_str() == Some(key)).unwrap_or_else(|| panic!("no item {key}"));
    oids(walk["snmp_oid"].as_str().unwrap()).iter().any(|root| oid.trim_matches('.').starts_with(root))
}

/// The value map of an item has the names of its object.
fn assert_value_map(mibs: &Mibs, template: &Yaml, map: &str, object: &str) {
    let maps = values(template, "valuemaps")[0].as_vec().unwrap();
    let found =
        maps.iter().find(|one| one["name"].as_str() == Some(map)).unwrap_or_else(|| panic!("no value map {map}"));
    let names = found["mappings"].as_vec().unwrap().iter().map(|entry| {
        let value: i32 = entry["value"].as_str().unwrap().parse().unwrap();
        (entry["newvalue"].as_str().unwrap().to_owned(), value)
    });
    assert_eq!(names.collect::<Vec<_>>(), mibs.object(object).syntax.as_ref().unwrap().names, "{map}");
}

#[test]
fn librenms_discovers_columns_that_exist() {
    let mibs = Mibs::load();
    let discovery = yaml("librenms/os_discovery/keepalived.yaml");
    let sensors = discovery["modules"]["sensors"]["state"]["data"].as_vec().unwrap();
    assert_eq!(sensors.len(), 5);
    for sensor in sensors {
        let (module, column) = sensor["value"].as_str().unwrap().split_once("::").unwrap();
        let oid = sensor["num_oid"].as_str().unwrap().replace(".{{ $index }}", "");
        assert_eq!(mibs.name_of(&oid), column);
        assert_eq!(mibs.object(column).module, module);
        let states = sensor["states"].as_vec().unwrap().iter().map(|state| {
            assert!((0..=3).contains(&state["generic"].as_i64().unwrap()));
            (state["descr"].as_str().unwrap().to_owned(), i32::try_from(state["value"].as_i64().unwrap()).unwrap())
        });
        assert_eq!(states.collect::<Vec<_>>(), mibs.object(column).syntax.as_ref().unwrap().names, "{column}");
    }
    // Objects in all texts, as MODULE::object or MODULE::object.instance.
    for text in strings(&discovery) {
        for name in text.split("-MIB::").skip(1) {
            let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(mibs.is_object(&name), "{name} is in no MIB module");
        }
    }
}

#[test]
fn the_check_command_reads_the_columns_that_it_names() {
    let mibs = Mibs::load();
    let check = text("icinga/check_keepalived");
    let root = |name: &str| {
        let line = check.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let columns = check.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\": "));
    let mut count = 0;
    for (name, place) in columns {
        let (base, rest) = place.trim_end_matches(',').split_once(" + ").unwrap();
        assert_eq!(mibs.name_of(&format!("{}{}", root(base), rest.trim_matches('"'))), name);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn events_of_snmptt_are_the_notifications() {
    let mibs = Mibs::load();
    let conf = text("traps/snmptt.conf");
    let events: BTreeSet<&str> =
        conf.lines().filter_map(|line| line.strip_prefix("EVENT ")?.split(' ').nth(1)).collect();
    let found: BTreeSet<&str> = events.iter().map(|oid| mibs.name_of(oid)).collect();
    let notifications = mibs.by_name.values().filter(|object| object.kind == "NOTIFICATION-TYPE");
    let ours = notifications.filter(|object| {
        ["KEEPALIVED-MIB", "KEEPALIVED-HA-MIB", "VRRP-MIB", "VRRPV3-MIB"].contains(&object.module.as_str())
    });
    let ours: BTreeSet<&str> = ours.map(|object| object.name.as_str()).collect();
    assert_eq!(found, ours, "notifications with an event in snmptt.conf");
    // The handler is called for each of them.
    let handled = text("traps/snmptrapd.conf");
    for name in ours {
        assert!(handled.contains(&format!("::{name} ")), "snmptrapd.conf does not handle {name}");
    }
    // The objects that the events name.
    for line in conf
        .lines()
        .filter(|line| line.starts_with("Variables: ") || line.starts_with("virtual") || line.ends_with("haEventTime"))
    {
        for name in line.trim_start_matches("Variables: ").split(", ").map(|name| name.trim_matches(',')) {
            assert!(mibs.is_object(name), "snmptt.conf: {name} is in no MIB module");
        }
    }
}

#[test]
fn every_identifier_is_defined_and_every_file_is_described() {
    let mibs = Mibs::load();
    let index = text("README.md");
    for name in kit::files() {
        let text = text(&name);
        for oid in oids(&text) {
            // Roots, and the walks of groups and of notifications, are nodes too.
            mibs.name_of(oid.trim_end_matches(".0"));
        }
        assert!(name == "README.md" || index.contains(&format!("`{name}`")), "README.md does not describe {name}");
        let is_program = text.starts_with("#!");
        let mode = kit::path(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o111 != 0, is_program, "{name}: programs are executable, others are not");
        if name.ends_with(".yml") || name.ends_with(".yaml") {
            yaml(&name);
        }
    }
}
