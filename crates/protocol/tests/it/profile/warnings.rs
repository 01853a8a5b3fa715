//! What is legal and surprising is said: by the shipped profiles exactly what their documents demand, and each case once.

use causeway_protocol::profile;

use super::{SMALL, good};

/// How each warning of a shipped profile begins.
fn demanded(key: &str) -> &'static [&'static str] {
    match key {
        "tripleseat" => &["oauth1.without_verifier", "oauth1.exchange has no end"],
        "cal" => &[
            "token.rotation",
            "token.reply has no token_type",
            "token.reply has no expires_in",
            "token.errors",
            "api.scope_missing_is_401",
            "api_keys.query",
        ],
        "otesse" => &["token.rotation"],
        "orcabase" => &["policy.account_proof = \"none\""],
        "google" => &["token.rotation", "authorize.iss"],
        "slack" => &["authorize.iss"],
        "github" => &[
            "token.rotation",
            "authorize.iss",
            "token.access_life",
            "token.reply has no expires_in",
            "token.reply has no refresh_token",
        ],
        _ => &[],
    }
}

#[test]
fn shipped_profiles_warn_of_what_their_documents_demand_and_of_nothing_else() {
    for (key, _) in profile::SHIPPED {
        let (warnings, demanded) = (profile::warnings(&profile::shipped(key).expect("shipped")), demanded(key));
        assert_eq!(warnings.len(), demanded.len(), "{key}: {warnings:#?}");
        assert!(warnings.iter().zip(demanded).all(|(says, about)| says.starts_with(about)), "{key}: {warnings:#?}");
    }
}

#[test]
fn surprising_settings_are_said_but_not_refused() {
    assert_eq!(profile::warnings(&good(SMALL)), Vec::<String>::new());
    let cases = [
        ("[policy]", "[token]\nrotation = \"never\"\n[policy]", "public apps rotate anyway"),
        ("[policy]", "[token]\nreuse_grace = \"5s\"\n[policy]", "the same successor"),
        ("[policy]", "[token]\naccess_life = \"2d\"\n[policy]", "longer than a day"),
        ("[policy]", "[token]\nerrors = \"message\"\n[policy]", "cannot tell invalid_grant"),
        (
            "[policy]",
            "[token]\nreply = [\"access_token\", \"expires_in\", \"refresh_token\"]\n[policy]",
            "has no token_type",
        ),
        (
            "[policy]",
            "[token]\nreply = [\"access_token\", \"token_type\", \"refresh_token\"]\n[policy]",
            "has no expires_in",
        ),
        ("[policy]", "[authorize]\niss = false\n[policy]", "whose answer it got"),
        ("[policy]", "[authorize]\nstate_required = true\nstate_min_length = 7\n[policy]", "can be guessed"),
        ("[policy]", "[api_keys]\nquery = \"apiKey\"\n[policy]", "logged by proxies"),
        ("[[api.routes]]\npath = \"/items\"\nscopes = [\"items:read\"]\n", "", "with 404"),
        ("[[api.routes]]", "[api]\nbudgets = []\n[[api.routes]]", "as much as the API behind the guard can bear"),
        ("[[api.routes]]", "[api]\nscope_missing_is_401 = true\n[[api.routes]]", "refresh in vain"),
        (
            "[partner]",
            "[partner]\nshows = [{ title = \"Items\", path = \"/items\" }, { title = \"More\", path = \"/more\" }]",
            "partner.shows.path = \"/more\": no route",
        ),
        ("[partner]", "[oauth1]\nscopes = [\"items:read\"]\nwithout_verifier = true\n[partner]", "advisory of 2009"),
        ("[partner]", "[oauth1]\nscopes = [\"items:read\"]\nexchange = true\n[partner]", "for ever"),
        (
            "[partner]",
            "[oauth1]\nscopes = [\"items:read\"]\nends_at = 2027-01-01T00:00:00Z\nguide = \"https://x.example\"\n[partner]",
            "never say that 1.0 is deprecated",
        ),
        (
            "[partner]",
            "[oauth1]\nscopes = [\"items:read\"]\nends_at = 2027-01-01T00:00:00Z\ndeprecated_at = 2026-01-01T00:00:00Z\n[partner]",
            "not told what to do",
        ),
    ];
    for (stands, instead, says) in cases {
        let warnings = profile::warnings(&good(&SMALL.replacen(stands, instead, 1)));
        assert_eq!(warnings.len(), 1, "{instead}: {warnings:?}");
        assert!(warnings[0].contains(says), "{warnings:?}");
    }
}

#[test]
fn how_an_account_is_proven_is_said() {
    let with = |proof: &str, life: &str| {
        let text = super::rare_mistakes::with_accounts().replacen("\"none\"", proof, 1);
        profile::warnings(&good(&text.replacen("[accounts]", &format!("[accounts]\nsign_in_life = \"{life}\""), 1)))
    };
    assert!(with("\"none\"", "10min")[0].contains("whoever holds the authorize link connects that account"));
    assert!(with("\"sign_in_token\"", "10min")[0].contains("whoever holds a sign-in token"));
    let (short, long) = (with("\"none\"", "10min"), with("\"none\"", "11min"));
    assert_eq!((short.len(), long.len()), (1, 2));
    assert!(long[1].contains("sign-in token travels in an address"));
}
