//! Who may do what: the API keys that the service knows, and what each endpoint asks for.

mod follow;

use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use foretell_engine::store::{KeyRecord, split_key};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName};

use crate::config::{RateLimitConfig, ServerConfig};
use crate::problem::Problem;
use crate::rate::KeyLimit;
use crate::request::Call;

pub(crate) use follow::follow;

/// The header that carries a key where `Authorization` is taken.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a key may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To predict, and to read what the models are.
    Predict,
    /// To tell the true values of predictions.
    Feedback,
    /// To change the registry and the keys.
    Admin,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Feedback => "feedback",
            Self::Admin => "admin",
        }
    }

    fn of(self, key: &KeyRecord) -> bool {
        match self {
            Self::Predict => key.scopes.predict,
            Self::Feedback => key.scopes.feedback,
            Self::Admin => key.scopes.admin,
        }
    }
}

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone, always.
    Everyone,
    /// Whoever has any key, where other machines can reach the service.
    AnyKey,
    /// Whoever has a key of this scope, where keys are needed. `Admin` needs one everywhere.
    Key(Scope),
}

/// What is wrong with the key of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFault {
    /// There is none.
    Missing,
    /// Nobody knows it.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => {
                "an API key is needed, as `Authorization: Bearer fk_…` or `X-API-Key: fk_…`; \
                 whoever runs the service makes one with `foretell keys create NAME --scope predict`"
            }
            Self::Unknown => "the API key is not one of this service",
            Self::Expired => "the API key has expired",
            Self::Revoked => "the API key has been revoked",
        })
    }
}

/// The keys of a moment, by their ids.
#[derive(Debug, Default)]
pub(crate) struct KeyTable(Vec<Key>);

/// A key, and how often it may be used.
#[derive(Debug)]
struct Key {
    record: KeyRecord,
    /// The same in every table in which the key is.
    limit: Option<Arc<KeyLimit>>,
}

impl KeyTable {
    fn find(&self, id: &str) -> Option<usize> {
        self.0.binary_search_by(|key| key.record.id.as_str().cmp(id)).ok()
    }

    /// The key of a text, by its position.
    fn check(&self, text: &str, now: SystemTime) -> Result<usize, KeyFault> {
        let (id, hash) = split_key(text).ok_or(KeyFault::Unknown)?;
        let position = self.find(id).ok_or(KeyFault::Unknown)?;
        let KeyRecord { expires_at, revoked_at, .. } = &self.0[position].record;
        if !self.0[position].record.matches(&hash) {
            return Err(KeyFault::Unknown);
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        if revoked_at.is_some() {
            return Err(KeyFault::Revoked);
        }
        if expires_at.is_some_and(|end| u128::try_from(end).is_ok_and(|end| end <= now)) {
            return Err(KeyFault::Expired);
        }
        Ok(position)
    }
}

/// What a thread knows of the keys: shared without counting across threads.
#[derive(Debug, Default)]
pub(crate) struct KeyShelf(RefCell<Rc<Held>>);

/// A table that one thread holds.
#[derive(Debug, Default)]
struct Held(Arc<KeyTable>);

/// A caller with a valid key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    table: Rc<Held>,
    position: usize,
}

impl Caller {
    fn key(&self) -> &Key {
        &self.table.0.0[self.position]
    }

    /// The key's id, which is no secret.
    pub(crate) fn id(&self) -> &str {
        &self.key().record.id
    }

    /// The models that the key is for; `None` for all.
    pub(crate) fn models(&self) -> Option<&[String]> {
        self.key().record.models.as_deref()
    }

    /// Whether the key is good for a model.
    fn may_use(&self, model: &str) -> bool {
        self.key().record.models.as_ref().is_none_or(|models| models.iter().any(|name| name == model))
    }
}

/// Lets callers in, or not.
#[derive(Debug)]
pub(crate) struct Gate {
    keys: ArcSwap<KeyTable>,
    /// Whether the keys have been read.
    read: AtomicBool,
    rate: RateLimitConfig,
    /// Whether predictions need a key.
    required: bool,
    /// Whether what is for [`Access::AnyKey`] needs one.
    any_required: bool,
}

impl Gate {
    /// Without keys, for a service that listens at an address.
    pub(crate) fn new(config: &ServerConfig, address: IpAddr) -> Self {
        let required = config.needs_keys(address);
        let keys = ArcSwap::default();
        Self {
            keys,
            read: AtomicBool::new(false),
            rate: config.rate_limit,
            required,
            any_required: required && !is_local(address),
        }
    }

    /// Whether an endpoint cannot be used without a key.
    pub(crate) fn needs_key(&self, access: Access) -> bool {
        match access {
            Access::Everyone => false,
            Access::AnyKey => self.any_required,
            Access::Key(Scope::Admin) => true,
            Access::Key(Scope::Predict | Scope::Feedback) => self.required,
        }
    }

    /// Takes the keys that there are now in the place of those before. Limits go on from where they were.
    pub(crate) fn replace(&self, mut records: Vec<KeyRecord>) {
        records.sort_by(|one, other| one.id.cmp(&other.id));
        let before = self.keys.load();
        let limit = |id: &str| {
            let kept = before.find(id).and_then(|position| before.0[position].limit.clone());
            kept.or_else(|| KeyLimit::new(&self.rate).map(Arc::new))
        };
        let keys = records.into_iter().map(|record| Key { limit: limit(&record.id), record });
        self.keys.store(Arc::new(KeyTable(keys.collect())));
        self.read.store(true, Release);
    }

    /// Whether the keys are known where they are needed.
    pub(crate) fn ready(&self) -> bool {
        !self.required || self.read.load(Acquire)
    }

    /// Whether there is a key with which predictions can be asked for.
    pub(crate) fn has_keys(&self, now: i64) -> bool {
        self.keys.load().0.iter().any(|key| key.record.scopes.predict && key.record.is_valid(now))
    }

    /// Lets the caller of a request use an endpoint. Gives the caller where there is a valid key, needed or not.
    ///
    /// # Errors
    /// [`Problem::Unauthorized`] and [`Problem::Forbidden`] where a key is needed, [`Problem::NotReady`] while the keys
    /// are not known; [`Problem::TooManyRequests`].
    pub(crate) fn admit(&self, call: &Call<'_>, access: Access) -> Result<Option<Caller>, Problem> {
        if access == Access::Everyone {
            return Ok(None);
        }
        let needed = self.needs_key(access);
        let checked = self.identify(call);
        let caller = match checked {
            Ok(caller) => caller,
            Err(_) if !needed => return Ok(None),
            Err(_) if !self.read.load(Acquire) => return Err(Problem::NotReady),
            Err(fault) => return Err(Problem::Unauthorized { fault }),
        };
        if let Some(limit) = &caller.key().limit {
            limit.check()?;
        }
        if let (Access::Key(scope), true) = (access, needed) {
            caller.check_scope(scope)?;
        }
        Ok(Some(caller))
    }

    fn identify(&self, call: &Call<'_>) -> Result<Caller, KeyFault> {
        let text = key_of(&call.head.headers).ok_or(KeyFault::Missing)?;
        let table = call.worker.keys.current(&self.keys);
        let position = table.0.check(text, call.worker.date(call.started))?;
        Ok(Caller { table, position })
    }

    /// Checks that a caller may use a model.
    ///
    /// # Errors
    /// [`Problem::Forbidden`].
    pub(crate) fn check_model(&self, caller: Option<&Caller>, model: &str) -> Result<(), Problem> {
        if self.sees(caller, model) {
            return Ok(());
        }
        Err(Problem::Forbidden { detail: format!("the API key is not for the model `{model}`") })
    }

    /// Whether a caller may know of a model.
    pub(crate) fn sees(&self, caller: Option<&Caller>, model: &str) -> bool {
        !self.required || caller.is_none_or(|caller| caller.may_use(model))
    }
}

impl Caller {
    fn check_scope(&self, scope: Scope) -> Result<(), Problem> {
        let record = &self.key().record;
        let name = scope.as_str();
        if !scope.of(record) {
            return Err(Problem::Forbidden {
                detail: format!("the API key does not have the scope `{name}`"),
            });
        }
        // What an administrator does concerns all models.
        if scope == Scope::Admin && record.models.is_some() {
            let detail = "an API key that is for some models only cannot be used to administer".to_owned();
            return Err(Problem::Forbidden { detail });
        }
        Ok(())
    }
}

impl KeyShelf {
    /// The keys that there are now.
    fn current(&self, keys: &ArcSwap<KeyTable>) -> Rc<Held> {
        let mut mine = self.0.borrow_mut();
        let now = keys.load();
        if !Arc::ptr_eq(&mine.0, &now) {
            *mine = Rc::new(Held(Arc::clone(&now)));
        }
        Rc::clone(&mine)
    }
}

/// The key that a request carries.
fn key_of(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get(X_API_KEY) {
        return key.to_str().ok();
    }
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Whether only this machine can reach an address.
pub(crate) fn is_local(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretell_engine::store::{Actor, Digest, Scopes};
    use hyper::header::HeaderValue;
    use std::time::Duration;

    const NOW: Duration = Duration::from_secs(1000);

    fn record(id: &str, secret: &str) -> KeyRecord {
        KeyRecord {
            id: id.to_owned(),
            name: "test".to_owned(),
            hash: *Digest::of(secret.as_bytes()).bytes(),
            scopes: Scopes { predict: true, ..Scopes::default() },
            models: None,
            created_at: 0,
            created_by: Actor::cli("test"),
            expires_at: None,
            revoked_at: None,
        }
    }

    fn gate(config: &str, address: &str) -> Gate {
        Gate::new(&toml::from_str(config).unwrap(), address.parse().unwrap())
    }

    fn check(gate: &Gate, text: &str) -> Result<usize, KeyFault> {
        gate.keys.load().check(text, UNIX_EPOCH + NOW)
    }

    #[test]
    fn a_key_is_its_id_and_its_secret_together() {
        let gate = gate("", "127.0.0.1");
        let (one, other) = ("a".repeat(64), "b".repeat(64));
        let ids = ["1111111111111111", "2222222222222222"];
        gate.replace(vec![record(ids[1], &other), record(ids[0], &one)]);
        assert_eq!(check(&gate, &format!("fk_{}_{one}", ids[0])), Ok(0));
        assert_eq!(check(&gate, &format!("fk_{}_{other}", ids[1])), Ok(1));
        let wrong =
            [format!("fk_{}_{other}", ids[0]), format!("fk_3333333333333333_{one}"), one, String::new()];
        for text in wrong {
            assert_eq!(check(&gate, &text), Err(KeyFault::Unknown), "{text}");
        }
    }

    #[test]
    fn keys_end_and_are_revoked() {
        let gate = gate("", "127.0.0.1");
        let secret = "a".repeat(64);
        let text = format!("fk_1111111111111111_{secret}");
        let now = i64::try_from(NOW.as_micros()).unwrap();
        let mut key = record("1111111111111111", &secret);
        key.expires_at = Some(now + 1);
        gate.replace(vec![key.clone()]);
        assert_eq!((check(&gate, &text), gate.has_keys(now)), (Ok(0), true));
        key.expires_at = Some(now);
        gate.replace(vec![key.clone()]);
        assert_eq!((check(&gate, &text), gate.has_keys(now)), (Err(KeyFault::Expired), false));
        key.revoked_at = Some(1);
        gate.replace(vec![key]);
        assert_eq!(check(&gate, &text), Err(KeyFault::Revoked));
    }

    #[test]
    fn a_limit_outlives_the_table() {
        let gate = gate("rate_limit = { per_key = '1/h' }", "127.0.0.1");
        let key = || record("1111111111111111", "secret");
        gate.replace(vec![key()]);
        let limited = || gate.keys.load().0[0].limit.as_ref().unwrap().check();
        assert_eq!(limited(), Ok(()));
        gate.replace(vec![key(), record("0000000000000000", "other")]);
        assert_eq!(limited(), Ok(()));
        gate.replace(vec![key()]);
        assert!(limited().is_err());
    }

    #[test]
    fn who_needs_a_key() {
        let predict = Access::Key(Scope::Predict);
        let needed = |config: &str, address: &str| {
            let gate = gate(config, address);
            assert!(gate.needs_key(Access::Key(Scope::Admin)) && !gate.needs_key(Access::Everyone));
            (gate.needs_key(predict), gate.needs_key(Access::AnyKey))
        };
        assert_eq!(needed("", "127.0.0.1"), (false, false));
        assert_eq!(needed("", "::1"), (false, false));
        assert_eq!(needed("", "0.0.0.0"), (true, true));
        assert_eq!(needed("", "192.0.2.1"), (true, true));
        assert_eq!(needed("mode = 'production'", "127.0.0.1"), (true, false));
        assert_eq!(needed("auth = 'keys'", "127.0.0.1"), (true, false));
        assert_eq!(needed("auth = 'none'\nmode = 'production'", "0.0.0.0"), (false, false));
    }

    #[test]
    fn keys_come_in_either_header() {
        let of = |name: HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            key_of(&headers).map(str::to_owned)
        };
        assert_eq!(of(X_API_KEY, "fk_1").as_deref(), Some("fk_1"));
        assert_eq!(of(AUTHORIZATION, "Bearer fk_1").as_deref(), Some("fk_1"));
        assert_eq!(of(AUTHORIZATION, "bearer  fk_1").as_deref(), Some("fk_1"));
        assert_eq!(of(AUTHORIZATION, "Basic fk_1"), None);
        assert_eq!(of(AUTHORIZATION, "fk_1"), None);
    }
}
