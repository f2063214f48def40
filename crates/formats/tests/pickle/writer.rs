//! A pickle writer for tests: values to bytes, in each protocol, as Python's pickler writes them.

use std::collections::HashMap;

/// A value to write, and what must be read back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Val>),
    Tuple(Vec<Val>),
    Set(Vec<Val>),
    FrozenSet(Vec<Val>),
    /// A list that holds the same value twice, the second time by the memo.
    Twice(Box<Val>),
    Dict(Vec<(String, Val)>),
    /// `module`, `name`, and the state's entries.
    Object(&'static str, &'static str, Vec<(String, Val)>),
    /// A NumPy array of doubles.
    Array {
        shape: Vec<usize>,
        fortran: bool,
        big_endian: bool,
        data: Vec<f64>,
    },
}

/// Writes one value as a whole pickle.
pub(crate) fn pickle(value: &Val, protocol: u8) -> Vec<u8> {
    let mut writer = Writer::new(protocol);
    writer.value(value);
    writer.finish()
}

/// How a pickler writes what can be written in several ways.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// All that follows the header is in one frame (protocol 4 and later).
    pub(crate) framed: bool,
    /// Texts, bytes and integers in their longest forms.
    pub(crate) long: bool,
    /// Texts that were written before are taken from the memo.
    pub(crate) shared: bool,
}

/// Writes one value as a whole pickle in a style.
pub(crate) fn pickle_in(value: &Val, protocol: u8, style: Style) -> Vec<u8> {
    let mut writer = Writer { style, ..Writer::new(protocol) };
    writer.value(value);
    let mut out = writer.finish();
    if style.framed && protocol >= 4 {
        let length = (out.len() - 2) as u64;
        out.splice(2..2, [0x95].into_iter().chain(length.to_le_bytes()));
    }
    out
}

/// The state of a pickler.
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
    protocol: u8,
    memo: usize,
    style: Style,
    /// Slots of the texts in the memo.
    texts: HashMap<String, usize>,
}

impl Writer {
    pub(crate) fn new(protocol: u8) -> Self {
        let out = if protocol >= 2 { vec![0x80, protocol] } else { Vec::new() };
        Writer { out, protocol, memo: 0, style: Style::default(), texts: HashMap::new() }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'.');
        self.out
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Memoizes the top of the stack, as picklers do for everything but constants.
    pub(crate) fn memoize(&mut self) {
        match self.protocol {
            0 => self.bytes(format!("p{}\n", self.memo).as_bytes()),
            1..=3 if self.memo < 256 => self.bytes(&[b'q', self.memo as u8]),
            1..=3 => {
                self.bytes(b"r");
                self.bytes(&(self.memo as u32).to_le_bytes());
            }
            _ => self.bytes(&[0x94]),
        }
        self.memo += 1;
    }

    /// Puts a value of the memo on the stack.
    fn get(&mut self, slot: usize) {
        match self.protocol {
            0 => self.bytes(format!("g{slot}\n").as_bytes()),
            _ if slot < 256 => self.bytes(&[b'h', slot as u8]),
            _ => {
                self.bytes(b"j");
                self.bytes(&(slot as u32).to_le_bytes());
            }
        }
    }

    pub(crate) fn global(&mut self, module: &str, name: &str) {
        if self.protocol >= 4 {
            self.text(module);
            self.text(name);
            self.bytes(&[0x93]);
        } else {
            self.bytes(format!("c{module}\n{name}\n").as_bytes());
        }
        self.memoize();
    }

    pub(crate) fn text(&mut self, text: &str) {
        if let Some(&slot) = self.texts.get(text).filter(|_| self.style.shared) {
            return self.get(slot);
        }
        self.texts.insert(text.to_owned(), self.memo);
        match self.protocol {
            4.. if self.style.long => {
                self.bytes(&[0x8d]);
                self.bytes(&(text.len() as u64).to_le_bytes());
                self.bytes(text.as_bytes());
            }
            0 => {
                self.bytes(b"V");
                for char in text.chars() {
                    match u32::from(char) {
                        code @ (0x0a | 0x0d | 0x1a | 0x5c | 0) => {
                            self.bytes(format!("\\u{code:04x}").as_bytes())
                        }
                        code @ 0..=0xff => self.bytes(&[code as u8]),
                        code @ 0x100..=0xffff => self.bytes(format!("\\u{code:04x}").as_bytes()),
                        code => self.bytes(format!("\\U{code:08x}").as_bytes()),
                    }
                }
                self.bytes(b"\n");
            }
            4.. if text.len() < 256 => {
                self.bytes(&[0x8c, text.len() as u8]);
                self.bytes(text.as_bytes());
            }
            _ => {
                self.bytes(b"X");
                self.bytes(&(text.len() as u32).to_le_bytes());
                self.bytes(text.as_bytes());
            }
        }
        self.memoize();
    }

    pub(crate) fn raw_bytes(&mut self, bytes: &[u8]) {
        if self.protocol <= 2 {
            self.global("_codecs", "encode");
            self.mark(|writer| {
                writer.text(&bytes.iter().map(|&byte| char::from(byte)).collect::<String>());
                writer.text("latin1");
            });
            self.bytes(b"tR");
        } else if self.style.long && self.protocol >= 4 {
            self.bytes(&[0x8e]);
            self.bytes(&(bytes.len() as u64).to_le_bytes());
            self.bytes(bytes);
        } else if bytes.len() < 256 {
            self.bytes(&[b'C', bytes.len() as u8]);
            self.bytes(bytes);
        } else {
            self.bytes(b"B");
            self.bytes(&(bytes.len() as u32).to_le_bytes());
            self.bytes(bytes);
        }
        self.memoize();
    }

    pub(crate) fn int(&mut self, value: i64) {
        match value {
            _ if self.protocol == 0 => self.bytes(format!("I{value}\n").as_bytes()),
            _ if self.style.long && self.protocol >= 2 => {
                self.bytes(b"\x8b\x08\0\0\0");
                self.bytes(&value.to_le_bytes());
            }
            0..=255 => self.bytes(&[b'K', value as u8]),
            256..=65535 => {
                self.bytes(b"M");
                self.bytes(&(value as u16).to_le_bytes());
            }
            _ if i32::try_from(value).is_ok() => {
                self.bytes(b"J");
                self.bytes(&(value as i32).to_le_bytes());
            }
            _ if self.protocol == 1 => self.bytes(format!("L{value}L\n").as_bytes()),
            _ => {
                self.bytes(&[0x8a, 8]);
                self.bytes(&value.to_le_bytes());
            }
        }
    }

    fn float(&mut self, value: f64) {
        if self.protocol == 0 {
            self.bytes(format!("F{value}\n").as_bytes());
        } else {
            self.bytes(b"G");
            self.bytes(&value.to_be_bytes());
        }
    }

    fn bool(&mut self, value: bool) {
        match (self.protocol >= 2, value) {
            (true, true) => self.bytes(&[0x88]),
            (true, false) => self.bytes(&[0x89]),
            (false, true) => self.bytes(b"I01\n"),
            (false, false) => self.bytes(b"I00\n"),
        }
    }

    pub(crate) fn mark(&mut self, content: impl FnOnce(&mut Self)) {
        self.bytes(b"(");
        content(self);
    }

    pub(crate) fn tuple(&mut self, items: &[Val]) {
        match items.len() {
            0 if self.protocol >= 1 => return self.bytes(b")"),
            len @ 1..=3 if self.protocol >= 2 => {
                items.iter().for_each(|item| self.value(item));
                self.bytes(&[0x84 + len as u8]);
            }
            _ => {
                self.mark(|writer| items.iter().for_each(|item| writer.value(item)));
                self.bytes(b"t");
            }
        }
        self.memoize();
    }

    pub(crate) fn dict(&mut self, pairs: &[(String, Val)]) {
        self.bytes(if self.protocol == 0 { b"(d" } else { b"}" });
        self.memoize();
        let pair = |writer: &mut Self, (key, value): &(String, Val)| {
            writer.text(key);
            writer.value(value);
        };
        if self.protocol == 0 {
            for entry in pairs {
                pair(self, entry);
                self.bytes(b"s");
            }
        } else if !pairs.is_empty() {
            self.mark(|writer| pairs.iter().for_each(|entry| pair(writer, entry)));
            self.bytes(b"u");
        }
    }

    fn list(&mut self, items: &[Val]) {
        self.bytes(if self.protocol == 0 { b"(l" } else { b"]" });
        self.memoize();
        if self.protocol == 0 {
            for item in items {
                self.value(item);
                self.bytes(b"a");
            }
        } else if !items.is_empty() {
            self.mark(|writer| items.iter().for_each(|item| writer.value(item)));
            self.bytes(b"e");
        }
    }

    fn set(&mut self, items: &[Val], frozen: bool) {
        let write = |writer: &mut Self| items.iter().for_each(|item| writer.value(item));
        match (self.protocol, frozen) {
            (4.., true) => {
                self.mark(write);
                self.bytes(&[0x91]);
            }
            (4.., false) => {
                self.bytes(&[0x8f]);
                self.memoize();
                self.mark(write);
                return self.bytes(&[0x90]);
            }
            _ => {
                self.global("__builtin__", if frozen { "frozenset" } else { "set" });
                self.mark(|writer| writer.list(items));
                self.bytes(b"tR");
            }
        }
        self.memoize();
    }

    fn twice(&mut self, value: &Val) {
        self.bytes(b"(");
        self.value(value);
        let slot = self.memo;
        self.memoize();
        self.get(slot);
        self.bytes(b"l");
        self.memoize();
    }

    fn object(&mut self, module: &str, name: &str, state: &[(String, Val)]) {
        if self.protocol >= 2 {
            self.global(module, name);
            self.bytes(b")\x81");
        } else {
            self.global("copy_reg", "_reconstructor");
            self.mark(|writer| {
                writer.global(module, name);
                writer.global("__builtin__", "object");
                writer.bytes(b"N");
            });
            self.bytes(b"tR");
        }
        self.memoize();
        self.dict(state);
        self.bytes(b"b");
    }

    pub(crate) fn dtype(&mut self, code: &str, big_endian: bool) {
        self.global("numpy", "dtype");
        self.tuple(&[Val::Text(code.to_owned()), Val::Bool(false), Val::Bool(true)]);
        self.bytes(b"R");
        self.memoize();
        let order = Val::Text(if big_endian { ">" } else { "<" }.to_owned());
        self.tuple(&[
            Val::Int(3),
            order,
            Val::None,
            Val::None,
            Val::None,
            Val::Int(-1),
            Val::Int(-1),
            Val::Int(0),
        ]);
        self.bytes(b"b");
    }

    pub(crate) fn array(
        &mut self,
        code: &str,
        shape: &[usize],
        fortran: bool,
        big_endian: bool,
        data: &[u8],
    ) {
        let shape = Val::Tuple(shape.iter().map(|&len| Val::Int(len as i64)).collect());
        if self.protocol >= 5 {
            self.global("numpy._core.numeric", "_frombuffer");
            self.mark(|writer| {
                writer.bytes(&[0x96]);
                writer.bytes(&(data.len() as u64).to_le_bytes());
                writer.bytes(data);
                writer.memoize();
                writer.dtype(code, big_endian);
                writer.value(&shape);
                writer.text(if fortran { "F" } else { "C" });
            });
            self.bytes(b"tR");
            return self.memoize();
        }
        self.global("numpy.core.multiarray", "_reconstruct");
        self.mark(|writer| {
            writer.global("numpy", "ndarray");
            writer.tuple(&[Val::Int(0)]);
            writer.raw_bytes(b"b");
        });
        self.bytes(b"tR");
        self.memoize();
        self.mark(|writer| {
            writer.int(1);
            writer.value(&shape);
            writer.dtype(code, big_endian);
            writer.bool(fortran);
            writer.raw_bytes(data);
        });
        self.bytes(b"tb");
    }

    pub(crate) fn value(&mut self, value: &Val) {
        match value {
            Val::None => self.bytes(b"N"),
            Val::Bool(value) => self.bool(*value),
            Val::Int(value) => self.int(*value),
            Val::Float(value) => self.float(*value),
            Val::Text(text) => self.text(text),
            Val::Bytes(bytes) => self.raw_bytes(bytes),
            Val::List(items) => self.list(items),
            Val::Tuple(items) => self.tuple(items),
            Val::Set(items) => self.set(items, false),
            Val::FrozenSet(items) => self.set(items, true),
            Val::Twice(value) => self.twice(value),
            Val::Dict(pairs) => self.dict(pairs),
            Val::Object(module, name, state) => self.object(module, name, state),
            Val::Array { shape, fortran, big_endian, data } => {
                let bytes =
                    data.iter().flat_map(|x| if *big_endian { x.to_be_bytes() } else { x.to_le_bytes() });
                self.array("f8", shape, *fortran, *big_endian, &bytes.collect::<Vec<_>>());
            }
        }
    }
}
