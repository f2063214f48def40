//! What the tests of the whole share: where things are, a running service, a client.

pub mod browser;
pub mod bucket;
pub mod clock;
pub mod constant;
pub mod load;
pub mod places;
pub mod postgres;
pub mod readme;
pub mod record;
pub mod registry;
pub mod service;
pub mod trained;
pub mod wait;
