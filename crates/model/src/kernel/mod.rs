//! The inner loops: dense products and tree walks. The only place with `unsafe`.
//!
//! Every kernel computes a row in an order of operations that depends on the model alone, so that results are the
//! same bit for bit whatever rows stand beside it.

mod dense;
mod forest;
mod oblivious;
mod real;
mod walk;

pub(crate) use dense::{Dense, dot};
pub use forest::Kernel;
pub(crate) use forest::{Forest, ForestBuffers};
pub(crate) use oblivious::{Oblivious, ObliviousBuffers};
pub(crate) use real::{Floats, Real};
