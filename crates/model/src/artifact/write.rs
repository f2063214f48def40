//! From values to the bytes of the structure and the arrays.

use std::collections::HashMap;

use super::code::{Code, Tag};

/// The content of the sections of a model.
#[derive(Debug, Default)]
pub(super) struct Heaps {
    pub(super) tree: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    pub(super) u32s: Vec<u8>,
    pub(super) f32s: Vec<u8>,
    pub(super) u64s: Vec<u8>,
    pub(super) f64s: Vec<u8>,
}

/// Writes values.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// The names met so far, and the number of each, from 1.
    names: Vec<&'static str>,
    numbers: HashMap<&'static str, u64>,
    pub(super) heaps: Heaps,
}

impl Encoder {
    pub(super) fn tag(&mut self, tag: Tag) {
        self.heaps.tree.push(tag as u8);
    }

    /// LEB128.
    pub(super) fn count(&mut self, count: u64) {
        write_count(&mut self.heaps.tree, count);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.tag(Tag::Text);
        write_text(&mut self.heaps.tree, text);
    }

    /// Begins an item.
    pub(super) fn begin(&mut self, name: &'static str) {
        self.tag(Tag::Item);
        self.name(name);
    }

    /// A field of an item.
    pub(super) fn field(&mut self, name: &'static str, value: &impl Code) {
        self.name(name);
        value.encode(self);
    }

    /// Ends an item.
    pub(super) fn end(&mut self) {
        self.count(0);
    }

    fn name(&mut self, name: &'static str) {
        let next = self.names.len() as u64 + 1;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        self.count(number);
    }

    /// The sections, with the names in front of the structure.
    pub(super) fn finish(self) -> Heaps {
        let mut tree = Vec::with_capacity(self.heaps.tree.len() + 1024);
        write_count(&mut tree, self.names.len() as u64);
        self.names.iter().for_each(|name| write_text(&mut tree, name));
        tree.extend(&self.heaps.tree);
        Heaps { tree, ..self.heaps }
    }
}

fn write_count(out: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_count(out, text.len() as u64);
    out.extend(text.as_bytes());
}
