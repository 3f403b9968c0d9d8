//! Random JSON texts: every form of every token, with white space, escapes, odd numbers and repeated keys.

pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    pub fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

/// What the records of one run look like.
pub struct Style {
    /// White space may hold line breaks.
    pub line_breaks: bool,
    pub spaced_percent: usize,
    /// Keys may repeat within an object and fold to the same name.
    pub colliding: bool,
    pub wild_percent: usize,
}

pub struct Generator {
    pub random: Random,
    pub style: Style,
}

const KEYS: &[&str] = &[
    "level",
    "service",
    "message",
    "status",
    "bytes",
    "a_rather_long_key_that_is_over_thirty_two_bytes",
    "kubernetes",
    "pod",
    "labels",
    "trace_id",
    "user",
    "ok",
    "ratio",
    "tags",
    "error",
    "host",
];

const COLLIDING_KEYS: &[&str] = &[
    "a",
    "A",
    "b",
    "a_b",
    "",
    "é",
    "ü",
    "\\u0061",
    "a.b",
    "日本",
    "Level",
    "\\n",
    "@timestamp",
];

const WORDS: &[&str] = &[
    "info",
    "warn",
    "error",
    "GET",
    "a longer message with some words in it, number",
    "x",
    "",
    "größe",
    "😀",
    "/api/v1/items",
];

impl Generator {
    /// One object.
    pub fn record(&mut self) -> String {
        let mut text = String::new();
        if self.random.chance(70) {
            // The usual case: one shape, one order.
            let status = self.random.below(600);
            let level = self.random.pick(WORDS);
            let members = [
                format!("\"level\":\"{level}\""),
                format!("\"status\":{status}"),
                format!("\"message\":\"{} {}\"", self.random.pick(WORDS), self.random.next()),
                format!(
                    "\"kubernetes\":{{\"pod\":\"p{}\",\"labels\":{{\"app\":\"{}\"}}}}",
                    status % 7,
                    level
                ),
                format!("\"ratio\":{}.{}", status % 3, self.random.below(1000)),
            ];
            let count = 1 + self.random.below(members.len());
            return format!(
                "{{{}}}",
                members[..count].join(if self.random.chance(20) { ", " } else { "," })
            );
        }
        self.object(0, &mut text);
        text
    }

    fn space(&mut self, into: &mut String) {
        while self.random.chance(self.style.spaced_percent) {
            let spaces: &[&str] = if self.style.line_breaks {
                &[" ", "\t", "\r", "\n", "   "]
            } else {
                &[" ", "\t", "\r", "  "]
            };
            into.push_str(self.random.pick(spaces));
        }
    }

    fn object(&mut self, depth: usize, into: &mut String) {
        into.push('{');
        self.space(into);
        let mut used: Vec<&str> = Vec::new();
        for place in 0..self.random.below(7) {
            let mut key = self.random.pick(KEYS);
            if self.style.colliding && self.random.chance(30) {
                key = self.random.pick(COLLIDING_KEYS);
            }
            if !self.style.colliding && used.contains(&key) {
                continue;
            }
            if place > 0 && !used.is_empty() {
                into.push(',');
                self.space(into);
            }
            used.push(key);
            into.push_str(&format!("\"{key}\""));
            self.space(into);
            into.push(':');
            self.space(into);
            self.value(depth + 1, into);
            self.space(into);
        }
        into.push('}');
    }

    fn value(&mut self, depth: usize, into: &mut String) {
        match self.random.below(if depth > 5 { 8 } else { 11 }) {
            0 => into.push_str("null"),
            1 => into.push_str(self.random.pick(&["true", "false"])),
            2..5 => self.number(into),
            5..8 => self.string(into),
            8 => {
                into.push('[');
                self.space(into);
                for place in 0..self.random.below(4) {
                    if place > 0 {
                        into.push(',');
                        self.space(into);
                    }
                    self.value(depth + 1, into);
                    self.space(into);
                }
                into.push(']');
            }
            _ => self.object(depth, into),
        }
    }

    fn number(&mut self, into: &mut String) {
        let number = self.random.next() >> self.random.below(53) | 1;
        if !self.random.chance(self.style.wild_percent) {
            into.push_str(&number.to_string());
            return;
        }
        let sign = self.random.pick(&["", "-"]);
        let fraction = self.random.next() >> self.random.below(53);
        let text = match self.random.below(8) {
            0 => format!("{sign}{number}.{fraction}"),
            1 => format!("{sign}{number}e{}", self.random.below(700) as i64 - 350),
            2 => format!("{sign}0.{fraction}E+{}", self.random.below(30)),
            3 => format!("{sign}{number}{fraction}"),
            4 => format!("{sign}{number}{fraction}{number}{fraction}.{fraction}{number}"),
            5 => format!("{sign}0"),
            6 => format!("{sign}922337203685477580{}", self.random.below(10)),
            _ => format!("{sign}{number}"),
        };
        into.push_str(&text);
    }

    fn string(&mut self, into: &mut String) {
        into.push('"');
        if self.random.chance(self.style.wild_percent) {
            for _ in 0..self.random.below(40) {
                into.push_str(self.random.pick(&[
                    "a",
                    "é",
                    "日",
                    "😀",
                    "\\n",
                    "\\\"",
                    "\\\\",
                    "\\/",
                    "\\u0041",
                    "\\ud83d\\ude00",
                    "\\u00e9",
                    "\\t",
                    " ",
                    "/",
                    "0",
                    "some more text",
                    "\u{7f}",
                    "{",
                    "]",
                    ",",
                    ":",
                ]));
            }
        } else {
            into.push_str(self.random.pick(WORDS));
            if self.random.chance(30) {
                into.push_str(&self.random.below(50).to_string());
            }
        }
        into.push('"');
    }
}
