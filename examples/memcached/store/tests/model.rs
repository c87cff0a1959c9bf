//! The shard against a model that is too simple to be wrong: a list of items, the newest last.

use proptest::prelude::*;

use super::server::Server;

const KEYS: u8 = 12;

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Gets(u8),
    Gat(u8, i64),
    Store(&'static str, u8, u32, i64, Vec<u8>),
    Cas(u8, u64, Vec<u8>),
    Delete(u8),
    Arithmetic(&'static str, u8, u64),
    Touch(u8, i64),
    Flush(i64),
    Tick(u32),
}

#[derive(Clone, Debug)]
struct Item {
    key: u8,
    value: Vec<u8>,
    flags: u32,
    /// In the model's seconds.
    deadline: Option<i64>,
    cas: u64,
    used: i64,
    is_fetched: bool,
    is_active: bool,
}

#[derive(Default)]
struct Model {
    items: Vec<Item>,
    now: i64,
    cas: u64,
    flush: Option<(i64, u64)>,
}

impl Model {
    fn find(&mut self, key: u8) -> Option<usize> {
        let at = self.items.iter().position(|item| item.key == key)?;
        let item = &self.items[at];
        let is_flushed = self.flush.is_some_and(|(live_after, cas)| {
            live_after <= self.now && (item.used <= live_after || item.cas < cas)
        });
        if is_flushed || item.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.items.remove(at);
            return None;
        }
        Some(at)
    }

    fn deadline(&self, expires: i64) -> Option<i64> {
        match expires {
            0 => None,
            ..0 => Some(i64::MIN),
            _ => Some(self.now + expires),
        }
    }

    fn next_cas(&mut self) -> u64 {
        self.cas += 1;
        self.cas
    }

    fn bump(&mut self, at: usize) {
        let now = self.now;
        let item = &mut self.items[at];
        if item.is_fetched && !item.is_active {
            item.is_active = true;
            item.used = now;
        }
        item.is_fetched = true;
    }

    fn put(&mut self, key: u8, value: Vec<u8>, flags: u32, deadline: Option<i64>) {
        self.items.retain(|item| item.key != key);
        let cas = self.next_cas();
        let (used, is_fetched, is_active) = (self.now, false, false);
        self.items.push(Item {
            key,
            value,
            flags,
            deadline,
            cas,
            used,
            is_fetched,
            is_active,
        });
    }

    fn evict(&mut self) {
        while self.items[0].is_active {
            let mut item = self.items.remove(0);
            item.is_active = false;
            self.items.push(item);
        }
        self.items.remove(0);
    }

    fn run(&mut self, step: &Step) -> Vec<u8> {
        match step {
            Step::Get(key) => self.get(*key, false),
            Step::Gets(key) => self.get(*key, true),
            Step::Gat(key, expires) => {
                let deadline = self.deadline(*expires);
                match self.find(*key) {
                    Some(at) => {
                        let answer = self.get(*key, false);
                        self.items[at].deadline = deadline;
                        answer
                    }
                    None => b"END\r\n".to_vec(),
                }
            }
            Step::Store(verb, key, flags, expires, value) => {
                self.store(verb, *key, *flags, *expires, value).to_vec()
            }
            Step::Cas(key, cas, value) => match self.find(*key) {
                None => b"NOT_FOUND\r\n".to_vec(),
                Some(at) if self.items[at].cas == *cas => {
                    self.put(*key, value.clone(), 0, None);
                    b"STORED\r\n".to_vec()
                }
                Some(_) => b"EXISTS\r\n".to_vec(),
            },
            Step::Delete(key) => match self.find(*key) {
                Some(at) => {
                    self.items.remove(at);
                    b"DELETED\r\n".to_vec()
                }
                None => b"NOT_FOUND\r\n".to_vec(),
            },
            Step::Arithmetic(verb, key, delta) => self.arithmetic(verb, *key, *delta),
            Step::Touch(key, expires) => match self.find(*key) {
                Some(at) => {
                    self.bump(at);
                    self.items[at].deadline = self.deadline(*expires);
                    b"TOUCHED\r\n".to_vec()
                }
                None => b"NOT_FOUND\r\n".to_vec(),
            },
            Step::Flush(delay) => {
                let live_after = self.now + delay - 1;
                let cas = match *delay {
                    0 | 1 => self.next_cas(),
                    _ => self.flush.map_or(0, |(_, cas)| cas),
                };
                self.flush = Some((live_after, cas));
                b"OK\r\n".to_vec()
            }
            Step::Tick(seconds) => {
                self.now += i64::from(*seconds);
                Vec::new()
            }
        }
    }

    fn get(&mut self, key: u8, shows_cas: bool) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Some(at) = self.find(key) {
            self.bump(at);
            let item = &self.items[at];
            let cas = if shows_cas {
                format!(" {}", item.cas)
            } else {
                String::new()
            };
            let line = format!("VALUE k{key} {} {}{cas}\r\n", item.flags, item.value.len());
            answer = [line.as_bytes(), &item.value, b"\r\n"].concat();
        }
        answer.extend_from_slice(b"END\r\n");
        answer
    }

    fn store(
        &mut self,
        verb: &str,
        key: u8,
        flags: u32,
        expires: i64,
        value: &[u8],
    ) -> &'static [u8] {
        let deadline = self.deadline(expires);
        match (verb, self.find(key)) {
            ("set", _) | ("add", None) | ("replace", Some(_)) => {
                self.put(key, value.to_vec(), flags, deadline);
            }
            ("append" | "prepend", Some(at)) => {
                let item = self.items[at].clone();
                let parts = if verb == "append" {
                    [&item.value, value].concat()
                } else {
                    [value, &item.value].concat()
                };
                self.put(key, parts, item.flags, item.deadline);
            }
            ("add", Some(at)) => {
                self.items[at].used = self.now;
                return b"NOT_STORED\r\n";
            }
            _ => return b"NOT_STORED\r\n",
        }
        b"STORED\r\n"
    }

    fn arithmetic(&mut self, verb: &str, key: u8, delta: u64) -> Vec<u8> {
        let Some(at) = self.find(key) else {
            return b"NOT_FOUND\r\n".to_vec();
        };
        let item = self.items[at].clone();
        // What is behind a space is not looked at, such as what was appended to a shorter number.
        let digits = item
            .value
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default();
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let Ok(old) = text.parse::<u64>() else {
            let refused = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
            return refused.to_vec();
        };
        let number = match verb {
            "incr" => old.wrapping_add(delta),
            _ => old.saturating_sub(delta),
        };
        let digits = number.to_string();
        if digits.len() > item.value.len() {
            self.put(key, digits.clone().into(), item.flags, item.deadline);
        } else {
            let cas = self.next_cas();
            let used = self.now;
            let value = format!("{digits:width$}", width = item.value.len()).into_bytes();
            self.items[at] = Item {
                value,
                cas,
                used,
                ..item
            };
        }
        format!("{digits}\r\n").into_bytes()
    }
}

impl Step {
    fn command(&self) -> Vec<u8> {
        match self {
            Self::Get(key) => format!("get k{key}\r\n").into(),
            Self::Gets(key) => format!("gets k{key}\r\n").into(),
            Self::Gat(key, expires) => format!("gat {expires} k{key}\r\n").into(),
            Self::Store(verb, key, flags, expires, value) => {
                let line = format!("{verb} k{key} {flags} {expires} {}\r\n", value.len());
                [line.as_bytes(), value].concat()
            }
            Self::Cas(key, cas, value) => {
                let line = format!("cas k{key} 0 0 {} {cas}\r\n", value.len());
                [line.as_bytes(), value].concat()
            }
            Self::Delete(key) => format!("delete k{key}\r\n").into(),
            Self::Arithmetic(verb, key, delta) => format!("{verb} k{key} {delta}\r\n").into(),
            Self::Touch(key, expires) => format!("touch k{key} {expires}\r\n").into(),
            Self::Flush(delay) => format!("flush_all {delay}\r\n").into(),
            Self::Tick(_) => unreachable!("not asked of the server"),
        }
    }
}

fn key() -> impl Strategy<Value = u8> {
    0..KEYS
}

fn expires() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 1 => Just(-1), 4 => 1i64..6]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(b'/'..=255, 0..80),
        "[0-9]{1,19}".prop_map(String::into_bytes),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let verb = prop::sample::select(vec!["set", "set", "add", "replace", "append", "prepend"]);
    let sign = prop::sample::select(vec!["incr", "decr"]);
    let delta = prop_oneof![0u64..200, any::<u64>()];
    prop_oneof![
        4 => key().prop_map(Step::Get),
        2 => key().prop_map(Step::Gets),
        1 => (key(), expires()).prop_map(|(key, expires)| Step::Gat(key, expires)),
        8 => (verb, key(), 0u32..3, expires(), value())
            .prop_map(|(verb, key, flags, expires, value)| {
                Step::Store(verb, key, flags, expires, value)
            }),
        2 => (key(), 1u64..60, value()).prop_map(|(key, cas, value)| Step::Cas(key, cas, value)),
        1 => key().prop_map(Step::Delete),
        3 => (sign, key(), delta).prop_map(|(sign, key, delta)| Step::Arithmetic(sign, key, delta)),
        1 => (key(), expires()).prop_map(|(key, expires)| Step::Touch(key, expires)),
        1 => prop_oneof![Just(0i64), 1i64..5].prop_map(Step::Flush),
        2 => (1u32..4).prop_map(Step::Tick),
    ]
}

proptest! {
    #[test]
    fn answers_agree_with_the_model(steps in prop::collection::vec(step(), 1..200)) {
        let mut server = Server::new();
        let mut model = Model { now: server.now.seconds.into(), ..Model::default() };
        for step in &steps {
            if let Step::Flush(_) = step {
                // It may take back an earlier one, as far as its items have not gone. So that this
                // does not depend on how far a search has come, they all have.
                (0..KEYS).for_each(|key| _ = model.find(key));
                server.shard.sweep(server.now, usize::MAX);
            }
            let expected = model.run(step);
            if let Step::Tick(seconds) = step {
                server.tick(*seconds);
            } else {
                let answer = server.ask_bytes(&step.command()).escape_ascii().to_string();
                prop_assert_eq!(answer, expected.escape_ascii().to_string(), "{:?}", step);
            }
        }
        prop_assert_eq!(server.cas_ids.into_inner(), model.cas);
    }

    /// With room for few: what goes is what the model would let go.
    #[test]
    fn evictions_agree_with_the_model(
        steps in prop::collection::vec((any::<bool>(), 0u8..40), 1..400),
    ) {
        let mut server = Server::with_bytes_max(62_000);
        let mut model = Model::default();
        for (is_set, key) in steps {
            if is_set {
                let value = vec![b'v'; 1000];
                let evicted = server.shard.stats(server.now).sums().evicted;
                server.ask_bytes(&Step::Store("set", key, 0, 0, value.clone()).command());
                let evicted = server.shard.stats(server.now).sums().evicted - evicted;
                if evicted > 0 {
                    prop_assert_eq!(evicted, 1);
                    model.evict();
                }
                model.put(key, value, 0, None);
            } else {
                server.ask_bytes(&Step::Get(key).command());
                model.get(key, false);
            }
            let kept: Vec<_> = server.shard.table.oldest_first().map(|item| item.key()).collect();
            let expected: Vec<_> =
                model.items.iter().map(|item| format!("k{}", item.key).into_bytes()).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
