//! How the requests for one model are divided among its versions: a canary answers a share of them, a shadow is
//! asked too and never answers.

use std::sync::Arc;

pub use foretell_store::Sticky;
use sha2::{Digest, Sha256};

use crate::live::LiveModel;

/// A version that answers a share of the requests for the bare name.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The version.
    pub model: Arc<LiveModel>,
    /// Its share of the requests, from 0 to 1.
    pub share: f64,
    /// What callers keep to.
    pub sticky: Sticky,
}

impl Canary {
    /// Whether it answers the request with this text: its id, its caller's key or the value of its header.
    ///
    /// The same text has the same answer on every server, and whoever is in a small share stays in a larger one. Models
    /// divide their callers independently of each other.
    pub fn answers(&self, text: &str) -> bool {
        let digest =
            Sha256::new().chain_update(self.model.name()).chain_update([0]).chain_update(text).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        // The 53 bits that a float64 holds exactly.
        let drawn = (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < self.share
    }
}

/// The versions of a model beside the one under its bare name.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// The model's name.
    pub name: String,
    /// The version that answers a share of the requests.
    pub canary: Option<Canary>,
    /// The versions that are asked too.
    pub shadows: Vec<Arc<LiveModel>>,
}
