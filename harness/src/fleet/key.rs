//! Which sample a key in the far end's store belongs to.
//!
//! Invariant: a key is read only in the way it was written: what differs in anything is none of
//! ours.
//! Not here: what was found (`ledger`), asking for it (`read_back`).

use super::device::Devices;
use super::template::{Known, Piece, Template};
use crate::plan::{self, Body};
use serde_json::Value;

/// How keys were written, part by part.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    parts: Vec<Template>,
}

/// What a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Said {
    device: Option<u64>,
    sample: Option<u64>,
}

impl Keys {
    /// Of a fleet's samples.
    ///
    /// # Errors
    /// Why they cannot be told apart by their keys, in a sentence.
    pub(super) fn of(fleet: &plan::Fleet, known: &Known) -> Result<Keys, String> {
        let body = match &fleet.send {
            None => r#"{"machine_id":"${device}","sample_number":"${sample}"}"#.to_owned(),
            Some(plan::Request { body: Body::Json(text), .. }) => text.0.clone(),
            Some(_) => return Err("its samples are no JSON, so they have no keys".to_owned()),
        };
        let body: Value = serde_json::from_str(&body)
            .map_err(|error| format!("its samples are no JSON, so they have no keys: {error}"))?;
        let part = |pointer: &String| {
            let at = body.pointer(pointer).and_then(text);
            let at = at.ok_or_else(|| format!("its samples have no key at `{pointer}`"))?;
            let part = Template::parse(&at, known)
                .map_err(|error| format!("the key at `{pointer}`: {error}"))?;
            let readable =
                |piece: &Piece| matches!(piece, Piece::Literal(_) | Piece::Device | Piece::Sample);
            if part.pieces().iter().all(readable) {
                return Ok(part);
            }
            Err(format!(
                "the key at `{pointer}` is `{at}`: only `${{device}}` and `${{sample}}` can be \
                 read back"
            ))
        };
        let parts = fleet.key.iter().map(part).collect::<Result<Vec<_>, String>>()?;
        let has = |wanted: Piece| parts.iter().any(|part| part.pieces().contains(&wanted));
        if !has(Piece::Sample) || !(has(Piece::Device) || fleet.devices == 1) {
            return Err("its keys are not unique: they need `${device}` and `${sample}`".to_owned());
        }
        Ok(Keys { parts })
    }

    /// The device and sample that a key belongs to. `asked` is the device whose samples were
    /// asked for, if only one's were: then the parts that do not name the sample may be left out.
    pub(super) fn read(
        &self,
        devices: &Devices,
        key: &[String],
        asked: Option<u64>,
    ) -> Option<(u64, u64)> {
        let names_sample = |part: &&Template| part.pieces().contains(&Piece::Sample);
        let parts: Vec<&Template> = if key.len() < self.parts.len() && asked.is_some() {
            self.parts.iter().filter(names_sample).collect()
        } else {
            self.parts.iter().collect()
        };
        if parts.len() != key.len() {
            return None;
        }
        let mut said = Said::default();
        for (part, text) in parts.iter().zip(key) {
            said = unify(devices, part.pieces(), text, said)?;
        }
        let device = match (said.device, asked) {
            (Some(said), Some(asked)) if said != asked => return None,
            (said, asked) => said.or(asked).or((devices.count() == 1).then_some(0))?,
        };
        Some((device, said.sample?))
    }
}

/// A key's part as text: what is neither text nor number is no key.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn unify(devices: &Devices, pieces: &[Piece], text: &str, said: Said) -> Option<Said> {
    let Some((piece, pieces)) = pieces.split_first() else {
        return text.is_empty().then_some(said);
    };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    match piece {
        Piece::Literal(literal) => {
            unify(devices, pieces, text.strip_prefix(literal.as_str())?, said)
        }
        Piece::Device => {
            let number = text.strip_prefix(devices.prefix())?;
            let (name, rest) = text.split_at(devices.prefix().len() + digits(number));
            let device = devices.named(name)?;
            let alike = said.device.is_none_or(|said| said == device);
            let said = Said { device: Some(device), ..said };
            if alike { unify(devices, pieces, rest, said) } else { None }
        }
        Piece::Sample => {
            let (number, rest) = text.split_at(digits(text));
            let sample: u64 = number.parse().ok()?;
            let alike = said.sample.is_none_or(|said| said == sample);
            let exact = sample.to_string() == number;
            let said = Said { sample: Some(sample), ..said };
            if alike && exact { unify(devices, pieces, rest, said) } else { None }
        }
        Piece::Now | Piece::Int(..) | Piece::Uuid | Piece::Cursor => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::fleet;
    use crate::plan::Text;

    fn keys(body: &str, key: &[&str]) -> Result<Keys, String> {
        let request = plan::Request {
            name: String::new(),
            method: "POST".to_owned(),
            path: Text("/".to_owned()),
            headers: Vec::new(),
            body: Body::Json(Text(body.to_owned())),
            check_status: Vec::new(),
            timeout_us: 1,
            dynamic: None,
        };
        let key = key.iter().map(|pointer| (*pointer).to_owned()).collect();
        Keys::of(&plan::Fleet { send: Some(request), key, ..fleet() }, &|_| None)
    }

    fn read(keys: &Keys, key: &[&str], asked: Option<u64>) -> Option<(u64, u64)> {
        let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
        keys.read(&Devices::new(&fleet(), 1), &key, asked)
    }

    #[test]
    fn reads_the_profiles_own_keys() {
        let keys = Keys::of(&fleet(), &|_| None).unwrap();
        assert_eq!(read(&keys, &["TRUCK-21-0002", "17"], None), Some((1, 17)));
        assert_eq!(read(&keys, &["17"], Some(3)), Some((3, 17)));
        assert_eq!(read(&keys, &["TRUCK-21-0002", "17"], Some(1)), Some((1, 17)));
        for foreign in
            [&["TRUCK-21-0002", "017"][..], &["TRUCK-21-0002", "x"], &["MILL-3-0002", "1"], &["1"]]
        {
            assert_eq!(read(&keys, foreign, None), None, "{foreign:?}");
        }
        assert_eq!(read(&keys, &["TRUCK-21-0002", "17"], Some(2)), None);
    }

    #[test]
    fn reads_composed_keys() {
        let keys = keys(r#"{"a":{"id":"s/${device}/${sample}!"}}"#, &["/a/id"]).unwrap();
        assert_eq!(read(&keys, &["s/TRUCK-21-0001/9!"], None), Some((0, 9)));
        assert_eq!(read(&keys, &["s/TRUCK-21-0001/9"], None), None);
    }

    #[test]
    fn says_why_keys_cannot_be_read() {
        let why = |body: &str, key: &[&str]| keys(body, key).unwrap_err();
        assert!(why(r#"{"id":"${random.uuid}"}"#, &["/id"]).contains("${random.uuid}"));
        assert!(why(r#"{"id":"${sample}"}"#, &["/id"]).contains("not unique"));
        assert!(why(r#"{"id":1}"#, &["/di"]).contains("no key at `/di`"));
        assert!(why("x", &["/id"]).contains("no JSON"));
    }
}
