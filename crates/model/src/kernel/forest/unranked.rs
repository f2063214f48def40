//! Where [`Kernel::Ranked`](super::Kernel::Ranked) has no instructions: no ensemble is ranked.

use std::convert::Infallible;
use std::marker::PhantomData;

use super::Trees;
use super::order::Order;
use super::ranks::Ranks;
use crate::kernel::Real;

/// A float type.
pub(in crate::kernel) trait Lanes: Real {}

impl Lanes for f32 {}
impl Lanes for f64 {}

/// Nothing.
#[derive(Debug, Default)]
pub(super) struct RankedBuffers;

/// No ensemble.
#[derive(Debug)]
pub(super) struct Ranked<T, S>(Infallible, PhantomData<(T, S)>);

impl<T: Lanes, S: Lanes> Ranked<T, S> {
    /// None.
    pub(super) fn new(_: &Trees, _: &Ranks<T>, _: &Order) -> Option<Self> {
        None
    }

    /// Cannot be called.
    pub(super) fn sum(&self, _: &[T], _: usize, _: &mut RankedBuffers, _: &mut [S]) {
        match self.0 {}
    }
}
