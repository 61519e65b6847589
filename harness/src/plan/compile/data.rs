//! Sets of rows: their files, read before anything is sent.
//!
//! Invariant: whatever a file holds, it makes rows or one problem that names the place in it.
//! Not here: who gets which row (`plan::rows`), CSV and JSON themselves (`tables`).

use super::notes::Notes;
use super::setup;
use super::tables;
use crate::plan::rows::Rows;
use crate::plan::text::literal;
use crate::plan::{Load, Users};
use crate::spec::Trail;
use crate::spec::scalar::Name;
use crate::spec::types::{DataFile, DataSet, Pick, Scenario, WhenExhausted};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The longest file, in bytes.
pub(super) const LONGEST: u64 = 64 << 20;

/// The sets that could be read, in the order of the scenario.
pub(super) fn compile(scenario: &Scenario, folder: &Path, notes: &mut Notes<'_>) -> Vec<Arc<Rows>> {
    let sets = scenario.data.iter();
    let sets = sets.filter_map(|(name, set)| one(name, set, folder, notes)).collect();
    setup::add_columns(scenario, sets, notes)
}

fn trail(name: &str, set: &DataSet) -> Trail {
    let form = match set {
        DataSet::Csv(_) => "csv",
        DataSet::Json(_) => "json",
    };
    Trail::root().key("data").key(name).key(form)
}

fn one(name: &Name, set: &DataSet, folder: &Path, notes: &mut Notes<'_>) -> Option<Rows> {
    let trail = trail(name.as_str(), set);
    let (DataSet::Csv(file) | DataSet::Json(file)) = set;
    let (pick, when_exhausted) = choice(file, &trail, notes);
    let way = trail.key("file");
    let path = folder.join(literal(&file.file));
    let bytes = match read(&path, LONGEST) {
        Ok(bytes) => bytes,
        Err(why) => {
            let message = format!("cannot read `{}`: {why}", path.display());
            notes.value(&way, message, "the path is relative to the scenario's folder");
            return None;
        }
    };
    let table = match set {
        DataSet::Csv(_) => tables::csv(&bytes),
        DataSet::Json(_) => tables::json(&bytes),
    };
    match table {
        Ok(table) => Some(Rows {
            name: name.to_string(),
            pick,
            when_exhausted,
            columns: table.columns,
            landed: crate::plan::rows::Landed::default(),
            values: table.values,
        }),
        Err(wrong) => {
            let place = match wrong.place {
                Some((line, column)) => format!("{}:{line}:{column}", path.display()),
                None => path.display().to_string(),
            };
            notes.value(&way, format!("{place}: {}", wrong.message), wrong.help);
            None
        }
    }
}

fn choice(file: &DataFile, trail: &Trail, notes: &mut Notes<'_>) -> (Pick, WhenExhausted) {
    let pick = file.pick.unwrap_or(Pick::Sequential);
    let unless_said =
        if pick == Pick::Unique { WhenExhausted::Stop } else { WhenExhausted::Recycle };
    let when_exhausted = file.when_exhausted.unwrap_or(unless_said);
    if pick == Pick::Random && when_exhausted != WhenExhausted::Recycle {
        let message = "rows that are picked at random are never used up".to_owned();
        let help = "leave `when-exhausted` out, or write `pick: unique`";
        notes.value(&trail.key("when-exhausted"), message, help);
    }
    (pick, when_exhausted)
}

/// The bytes of a file that has not more than so many.
pub(super) fn read(path: &Path, longest: u64) -> Result<Vec<u8>, String> {
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(longest + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > longest {
        true => Err(format!("it is longer than {} MiB", longest >> 20)),
        false => Ok(bytes),
    }
}

/// Checks what depends on who uses a set.
pub(super) fn check_use(
    scenario: &Scenario,
    loads: &[Load],
    users: &[Users],
    notes: &mut Notes<'_>,
) {
    let open = loads.iter().map(|load| (load.name.as_str(), load.requests.as_slice()));
    let closed = users.iter().map(|users| (users.name.as_str(), users.requests.as_slice()));
    let mut used: BTreeMap<&str, (Pick, Vec<&str>)> = BTreeMap::new();
    for (load, requests) in open.chain(closed) {
        let dynamics = requests.iter().filter_map(|request| request.dynamic.as_ref());
        for rows in dynamics.flat_map(|one| one.sets()) {
            let (_, loads) = used.entry(&rows.name).or_insert((rows.pick, Vec::new()));
            if !loads.contains(&load) {
                loads.push(load);
            }
        }
    }
    for (set, (pick, loads)) in used {
        let Some(written) = scenario.data.get(set) else { continue };
        if let (Pick::Unique, [one, other, ..]) = (pick, loads.as_slice()) {
            let message = format!(
                "`{one}` and `{other}` would both begin with its first row, so it is not unique"
            );
            let help = "write one set for each load, or `pick: sequential`";
            notes.value(&trail(set, written).key("pick"), message, help);
        }
    }
}
