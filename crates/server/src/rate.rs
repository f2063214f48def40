//! How often a caller may ask: by its address, and by its key.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use hyper::HeaderMap;

use crate::config::{Network, Rate, RateLimitConfig};
use crate::problem::Problem;

/// Addresses that are told apart: 512 KiB, however many there are.
const SLOTS: usize = 1 << 16;

type Limiter<S> = RateLimiter<<S as StateStore>::Key, S, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// How often each address may ask.
#[derive(Debug)]
pub(crate) struct AddressLimit(Limiter<Slots>);

impl AddressLimit {
    /// The limit of a configuration, if it has one.
    pub(crate) fn new(config: &RateLimitConfig) -> Option<Self> {
        let rate = config.per_address?;
        Some(Self(RateLimiter::new(quota(rate, config)?, Slots::default(), MonotonicClock)))
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`].
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Problem> {
        let refused = |not_until: governor::NotUntil<_>| Problem::TooManyRequests {
            whose: "this address",
            wait: not_until.wait_time_from(MonotonicClock.now()),
        };
        self.0.check_key(&one_of(address)).map_err(refused)
    }
}

/// How often one key may ask.
#[derive(Debug)]
pub(crate) struct KeyLimit(Limiter<InMemoryState>);

impl KeyLimit {
    /// The limit of a configuration, if it has one.
    pub(crate) fn new(config: &RateLimitConfig) -> Option<Self> {
        let quota = quota(config.per_key?, config)?;
        Some(Self(RateLimiter::new(quota, InMemoryState::default(), MonotonicClock)))
    }

    /// Counts a request with the key.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`].
    pub(crate) fn check(&self) -> Result<(), Problem> {
        self.0.check().map_err(|not_until| Problem::TooManyRequests {
            whose: "this API key",
            wait: not_until.wait_time_from(MonotonicClock.now()),
        })
    }
}

fn quota(rate: Rate, config: &RateLimitConfig) -> Option<Quota> {
    let one: Duration = rate.per / rate.count.get();
    Some(Quota::with_period(one)?.allow_burst(config.burst.unwrap_or(rate.count)))
}

/// Whom an address stands for: of IPv6 one caller has a whole network of 64 bits.
fn one_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// The state of all addresses in a table of fixed size. Two addresses in one place share a limit, which needs many
/// callers at once; which ones do so is another matter in each process, so that nobody can choose.
#[derive(Default)]
struct Slots {
    hasher: RandomState,
    states: States,
}

struct States(Box<[InMemoryState]>);

impl Default for States {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| InMemoryState::default()).collect())
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slots").field("len", &self.states.0.len()).finish_non_exhaustive()
    }
}

impl StateStore for Slots {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, address: &IpAddr, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let slot = self.hasher.hash_one(address) as usize % self.states.0.len();
        self.states.0[slot].measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

/// The address of a caller: that of the connection, or, behind proxies that are trusted, the last one in
/// `X-Forwarded-For` that is not such a proxy. What stands before that, anybody may have written.
pub(crate) fn caller(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.0.contains(&address));
    let peer = peer.to_canonical();
    if proxies.is_empty() || !trusted(peer) {
        return peer;
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut nearest = peer;
    for hop in hops {
        let Some(address) = parse(hop) else { break };
        nearest = address;
        if !trusted(address) {
            break;
        }
    }
    nearest
}

/// An address, with or without a port.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?.trim();
    let address: Option<IpAddr> = text.parse().ok();
    let address = address.or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn limits(text: &str) -> RateLimitConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn each_address_has_a_limit_of_its_own() {
        let limit = AddressLimit::new(&limits("per_address = '2/h'")).unwrap();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!((limit.check(one), limit.check(one)), (Ok(()), Ok(())));
        let Err(Problem::TooManyRequests { wait, .. }) = limit.check(one) else { panic!("a third") };
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_secs(1800), "{wait:?}");
        // The same caller by another name.
        assert!(limit.check(address("::ffff:192.0.2.1")).is_err());
        assert_eq!(limit.check(other), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let limit = AddressLimit::new(&limits("per_address = '1/h'")).unwrap();
        assert_eq!(limit.check(address("2001:db8::1")), Ok(()));
        assert!(limit.check(address("2001:db8::2")).is_err());
        assert_eq!(limit.check(address("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn a_burst_comes_over_the_rate() {
        let limit = KeyLimit::new(&limits("per_key = '1/h'\nburst = 3")).unwrap();
        assert!((0..3).all(|_| limit.check().is_ok()));
        assert!(limit.check().is_err());
        assert!(KeyLimit::new(&limits("per_address = '1/h'")).is_none());
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxies = ["10.0.0.0/8", "127.0.0.1"].map(|text| Network::try_from(text.to_owned()).unwrap());
        let called = |peer: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            caller(address(peer), &headers, &proxies).to_string()
        };
        assert_eq!(called("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(called("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(called("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(called("127.0.0.1", &["1.1.1.1, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(called("127.0.0.1", &["1.1.1.1", "198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(called("127.0.0.1", &["1.1.1.1, what, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(called("::ffff:127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
    }
}
