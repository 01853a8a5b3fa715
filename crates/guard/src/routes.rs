//! The profile's routes, compiled: which one a call is for, and which scopes are enough for it. Prefixes and suffixes that mean
//! the same are taken off here, once, for whoever comes after.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use causeway_protocol::profile::{Profile, Route, SitePlace};
use causeway_protocol::{ScopeSet, Scopes};

use crate::path;

/// See the module.
pub(crate) struct Routes {
    prefixes: Vec<Vec<String>>,
    suffixes: Vec<String>,
    rules: Vec<Rule>,
    umbrellas: Vec<(String, Vec<String>)>,
    masks: RwLock<Masks>,
}

/// One route.
pub(crate) struct Rule {
    methods: Vec<String>,
    parts: Vec<Part>,
    scopes: Vec<String>,
    /// Where the site stands.
    pub(crate) site: SitePlace,
}

enum Part {
    Literal(String),
    Any,
    Rest,
}

/// What each route wants, for the registry it was computed from.
struct Masks {
    registry: Arc<Scopes>,
    /// `None`: any token will do.
    wanted: Arc<[Option<ScopeSet>]>,
}

/// Where a call goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// To this route; the range is what its last `{name}` stands for.
    Route(usize, Option<Range<usize>>),
    /// The path has routes, but not for this method: those that it has.
    OtherMethod(String),
    /// Nowhere.
    Unknown,
    /// The path is not written plainly: why.
    Malformed(&'static str),
}

/// How a path fits a rule.
#[derive(PartialEq)]
enum Fit {
    Exact,
    /// Only to a reader who ignores the case of letters.
    Alike,
    No,
}

impl Routes {
    pub(crate) fn new(profile: &Profile) -> Self {
        let split = |prefix: &String| prefix.split('/').skip(1).map(str::to_owned).collect();
        Self {
            prefixes: profile.api.prefixes.iter().map(split).collect(),
            suffixes: profile.api.suffixes.clone(),
            rules: profile.api.routes.iter().map(Rule::new).collect(),
            umbrellas: profile.scopes.iter().map(|word| (word.name.clone(), word.includes.clone())).collect(),
            masks: RwLock::new(Masks { registry: Arc::default(), wanted: Arc::new([]) }),
        }
    }

    pub(crate) fn rule(&self, index: usize) -> &Rule {
        &self.rules[index]
    }

    /// The first route that takes this path and method. A path that fits an earlier route but for the case of its letters goes
    /// nowhere: the API behind might ignore case, and a later route might ask for less.
    pub(crate) fn find(&self, method: &str, whole: &str) -> Found {
        let parts = match path::parts(whole) {
            Ok(parts) => parts,
            Err(why) => return Found::Malformed(why),
        };
        let Some(parts) = self.below_prefix(&parts) else { return Found::Unknown };
        let last = parts.last().copied().unwrap_or_default();
        let (stem, stem_alike) = self.stems(last);
        if [stem, stem_alike].iter().any(|stem| matches!(*stem, "." | "..")) {
            return Found::Malformed("a dot segment");
        }
        let method = if method == "HEAD" { "GET" } else { method };
        let mut allowed: Vec<&str> = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            match rule.fit(parts, stem, stem_alike) {
                Fit::No => {}
                Fit::Alike => return Found::Unknown,
                Fit::Exact if rule.methods.iter().any(|known| known == method) => {
                    return Found::Route(index, rule.item(whole, parts, stem));
                }
                Fit::Exact => allowed.extend(rule.methods.iter().map(String::as_str)),
            }
        }
        if allowed.is_empty() {
            return Found::Unknown;
        }
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        allowed.dedup();
        Found::OtherMethod(allowed.join(", "))
    }

    fn below_prefix<'a, 'b>(&self, parts: &'a [&'b str]) -> Option<&'a [&'b str]> {
        self.prefixes.iter().find_map(|prefix| {
            let (head, rest) = parts.split_at_checked(prefix.len())?;
            (head.iter().zip(prefix).all(|(part, wanted)| part == wanted) && !rest.is_empty()).then_some(rest)
        })
    }

    /// The last part without its suffix, exactly and ignoring case.
    fn stems<'a>(&self, last: &'a str) -> (&'a str, &'a str) {
        let cut = |same: fn(&str, &str) -> bool| {
            let mut ends =
                self.suffixes.iter().filter_map(|suffix| last.len().checked_sub(suffix.len()).zip(Some(suffix)));
            let end = ends.find(|(end, suffix)| *end > 0 && last.get(*end..).is_some_and(|tail| same(tail, suffix)));
            end.map_or(last, |(end, _)| &last[..end])
        };
        (cut(|a, b| a == b), cut(|a, b| a.eq_ignore_ascii_case(b)))
    }

    /// The scopes of which this route wants one: `None` wants none. Computed anew when the registry grew.
    pub(crate) fn wanted(&self, index: usize, registry: &Arc<Scopes>) -> Option<ScopeSet> {
        {
            let masks = self.masks.read().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&masks.registry, registry) {
                return masks.wanted[index];
            }
        }
        let wanted: Arc<[_]> = self.rules.iter().map(|rule| self.mask(rule, registry)).collect();
        let found = wanted[index];
        *self.masks.write().unwrap_or_else(PoisonError::into_inner) = Masks { registry: registry.clone(), wanted };
        found
    }

    fn mask(&self, rule: &Rule, registry: &Scopes) -> Option<ScopeSet> {
        let umbrella = |word: &str| {
            self.umbrellas.iter().find(|(name, _)| name == word).map_or(&[][..], |(_, includes)| includes.as_slice())
        };
        let one = |set: ScopeSet, word: &str| set.union(registry.satisfying(word, umbrella));
        let all = |set: ScopeSet, word: &String| match word.strip_prefix('*') {
            // "*:read": any word with this ending.
            Some(ending) => {
                registry.words().iter().filter(|known| known.ends_with(ending)).map(String::as_str).fold(set, one)
            }
            None => one(set, word),
        };
        (!rule.scopes.is_empty()).then(|| rule.scopes.iter().fold(ScopeSet::EMPTY, all))
    }

    /// The word to name when a call lacks a scope for this route: one that would be enough.
    pub(crate) fn scope_to_name(&self, index: usize, registry: &Scopes) -> String {
        let scopes = &self.rules[index].scopes;
        let plain = scopes.iter().find(|word| !word.starts_with('*')).cloned();
        let matching = || {
            let ending = scopes.first()?.strip_prefix('*')?;
            registry.words().iter().find(|word| word.ends_with(ending)).cloned()
        };
        plain.or_else(matching).unwrap_or_default()
    }
}

impl Rule {
    fn new(route: &Route) -> Self {
        let part = |text: &str| match text {
            "**" => Part::Rest,
            text if text.starts_with('{') => Part::Any,
            text => Part::Literal(text.to_owned()),
        };
        Self {
            methods: route.methods.clone(),
            parts: route.path.split('/').skip(1).map(part).collect(),
            scopes: route.scopes.clone(),
            site: route.site,
        }
    }

    /// `stem` and `stem_alike` are the last part without a suffix.
    fn fit(&self, parts: &[&str], stem: &str, stem_alike: &str) -> Fit {
        let rest = matches!(self.parts.last(), Some(Part::Rest));
        let fixed = self.parts.len() - usize::from(rest);
        if parts.len() < fixed || (parts.len() > fixed && !rest) || (rest && parts.len() == fixed) {
            return Fit::No;
        }
        let mut fit = Fit::Exact;
        for (index, (part, rule)) in parts.iter().zip(&self.parts).enumerate() {
            let is_last = index + 1 == parts.len();
            match rule {
                Part::Literal(wanted) if part == wanted || (is_last && stem == wanted) => {}
                Part::Literal(wanted)
                    if part.eq_ignore_ascii_case(wanted) || (is_last && stem_alike.eq_ignore_ascii_case(wanted)) =>
                {
                    fit = Fit::Alike;
                }
                Part::Literal(_) => return Fit::No,
                Part::Any if is_last && stem.len() != stem_alike.len() => fit = Fit::Alike,
                Part::Rest if stem.len() != stem_alike.len() => fit = Fit::Alike,
                Part::Any | Part::Rest => {}
            }
        }
        fit
    }

    /// Where the last `{name}` of this rule stands in the whole path.
    fn item(&self, whole: &str, parts: &[&str], stem: &str) -> Option<Range<usize>> {
        let index = self.parts.iter().rposition(|part| matches!(part, Part::Any))?;
        let text = if index + 1 == parts.len() { stem } else { parts.get(index)? };
        let start = whole.len() - parts[index..].iter().map(|part| part.len() + 1).sum::<usize>() + 1;
        Some(start..start + text.len())
    }
}

#[cfg(test)]
mod tests {
    use causeway_protocol::profile::shipped;

    use super::*;

    fn route(method: &str, path: &str, scopes: &[&str]) -> Route {
        Route {
            methods: method.split(' ').map(str::to_owned).collect(),
            path: path.to_owned(),
            scopes: scopes.iter().map(|word| (*word).to_owned()).collect(),
            site: SitePlace::None,
            collection: None,
            status: 200,
            providers: false,
        }
    }

    fn routes() -> Routes {
        let mut profile = shipped("tripleseat").unwrap();
        profile.api.routes = vec![
            route("GET", "/leads", &["leads:read"]),
            route("POST", "/leads", &["leads:write"]),
            route("GET", "/leads/{id}", &["leads:read"]),
            route("GET", "/events/{id}/rooms/{room}", &["*:read"]),
            route("GET", "/feed.json", &[]),
            route("GET", "/files/**", &["read"]),
            route("GET POST", "/{other}", &["read"]),
        ];
        Routes::new(&profile)
    }

    fn found(path: &str) -> Option<(usize, Option<&str>)> {
        match routes().find("GET", path) {
            Found::Route(index, item) => Some((index, item.map(|range| &path[range]))),
            _ => None,
        }
    }

    #[test]
    fn a1_prefixes_and_suffixes_mean_the_same() {
        for path in ["/v1/leads", "/api/v1/leads", "/v1/leads.json", "/api/v1/leads.json"] {
            assert_eq!(found(path), Some((0, None)), "{path}");
        }
        for path in ["/v1/leads/5", "/api/v1/leads/5", "/v1/leads/5.json", "/api/v1/leads/5.json"] {
            assert_eq!(found(path), Some((2, Some("5"))), "{path}");
        }
        assert_eq!(found("/v1/events/3/rooms/7.json"), Some((3, Some("7"))));
        assert_eq!(found("/v1/feed.json"), Some((4, None)));
        assert_eq!(found("/v1/files/a/b.json"), Some((5, None)));
        assert_eq!(found("/v1/other"), Some((6, Some("other"))));
        assert_eq!(found("/v1/files"), Some((6, Some("files"))), "** stands for at least one part");
        assert_eq!(found("/v1/.json"), Some((6, Some(".json"))), "a suffix alone is no suffix");
    }

    #[test]
    fn no_spelling_dodges_a_rule() {
        // Each could reach /leads behind us, and would otherwise fall to the laxer "/{other}".
        for path in
            ["/v1/LEADS", "/v1/Leads.json", "/v1/leads.JSON", "/v1/leadS.Json", "/v1/leads/5.JSON", "/v1/FILES/x"]
        {
            assert_eq!(routes().find("GET", path), Found::Unknown, "{path}");
        }
        for path in ["/V1/leads", "/v2/leads", "/v1", "/v1.json", "/", "/leads", "/api/leads", "/xv1/leads"] {
            assert_eq!(routes().find("GET", path), Found::Unknown, "{path}");
        }
        for path in [
            "/v1/leads/",
            "/v1//leads",
            "/v1/%6ceads",
            "/v1/x/../leads",
            "/v1/..;/leads",
            "/v1/leads%2f5",
            "/v1/x/...json",
        ] {
            assert!(matches!(routes().find("GET", path), Found::Malformed(_)), "{path}");
        }
    }

    #[test]
    fn another_method_is_told_which_would_do() {
        assert_eq!(routes().find("HEAD", "/v1/leads"), Found::Route(0, None));
        assert_eq!(routes().find("POST", "/v1/leads"), Found::Route(1, None));
        assert_eq!(routes().find("DELETE", "/v1/leads/5"), Found::OtherMethod("GET, HEAD".to_owned()));
        assert_eq!(routes().find("DELETE", "/v1/leads"), Found::OtherMethod("GET, HEAD, POST".to_owned()));
        assert_eq!(routes().find("get", "/v1/leads"), Found::OtherMethod("GET, HEAD, POST".to_owned()));
    }

    #[test]
    fn sc_05_umbrellas_cover_their_words_and_only_those() {
        let words = ["read", "write", "leads:read", "leads:write", "events:read", "late:read"];
        let registry = Arc::new(Scopes::new(words.map(str::to_owned).to_vec()));
        let wanted = |index: usize| registry.text(routes().wanted(index, &registry).unwrap());
        assert_eq!(wanted(0), "read leads:read");
        assert_eq!(wanted(1), "write leads:write");
        assert_eq!(wanted(3), "read leads:read events:read late:read");
        assert_eq!(wanted(5), "read");
        assert_eq!(routes().wanted(4, &registry), None);
        assert_eq!(routes().scope_to_name(3, &registry), "leads:read");
        assert_eq!(routes().scope_to_name(0, &registry), "leads:read");
    }

    #[test]
    fn masks_follow_the_registry() {
        let routes = routes();
        let small = Arc::new(Scopes::new(vec!["leads:read".to_owned()]));
        let grown = Arc::new(Scopes::new(vec!["leads:read".to_owned(), "read".to_owned()]));
        assert_eq!(routes.wanted(0, &small), Some(ScopeSet(1)));
        assert_eq!(routes.wanted(0, &grown), Some(ScopeSet(3)));
        assert_eq!(routes.wanted(0, &small), Some(ScopeSet(1)));
    }
}
