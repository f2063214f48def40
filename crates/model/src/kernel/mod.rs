//! The inner loops: dense products and tree walks. The only place with `unsafe`.
//!
//! Every kernel computes a row in an order of operations that depends on the model alone, so that results are the
//! same bit for bit whatever rows stand beside it.

mod dense;
mod elementary;
mod forest;
mod instructions;
mod lanes;
mod oblivious;
mod panels;
mod real;
mod walk;

pub(crate) use dense::{Dense, dot};
pub(crate) use elementary::{
    add_all, divide_all, exp_all, multiply_all, rectify_all, subtract_all, tanh_all,
};
pub use forest::Kernel;
pub(crate) use forest::{Forest, ForestBuffers};
pub(crate) use oblivious::{Oblivious, ObliviousBuffers};
pub(crate) use panels::{Panels, Product, SquaredDifference};
pub(crate) use real::{Floats, Real};
