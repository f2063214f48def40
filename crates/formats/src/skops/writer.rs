//! Opcodes of a pickle of protocol 4, written one after the other.

use crate::pickle::opcode as op;

/// A pickle that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    out: Vec<u8>,
    memoized: u32,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: vec![op::PROTO, 4], memoized: 0 }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.op(op::STOP);
        self.out
    }

    /// An opcode without operands.
    pub(super) fn op(&mut self, opcode: u8) {
        self.out.push(opcode);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.op(if value { op::NEWTRUE } else { op::NEWFALSE });
    }

    pub(super) fn int(&mut self, value: i64) {
        self.out.extend_from_slice(&[op::LONG1, 8]);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn float(&mut self, value: f64) {
        self.op(op::BINFLOAT);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Ok(len) = u8::try_from(text.len()) {
            self.out.extend_from_slice(&[op::SHORT_BINUNICODE, len]);
        } else {
            self.op(op::BINUNICODE8);
            self.out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        }
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.op(op::BINBYTES8);
        self.out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn global(&mut self, module: &str, name: &str) {
        self.text(module);
        self.text(name);
        self.op(op::STACK_GLOBAL);
    }

    /// Puts the value on top into the memo, for [`again`](Self::again).
    pub(super) fn memoize(&mut self) -> u32 {
        self.op(op::MEMOIZE);
        self.memoized += 1;
        self.memoized - 1
    }

    /// A value of the memo.
    pub(super) fn again(&mut self, slot: u32) {
        self.op(op::LONG_BINGET);
        self.out.extend_from_slice(&slot.to_le_bytes());
    }
}
