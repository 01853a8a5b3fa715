//! The site rules (PLATFORMS A15, SECURITY 11): which of the customer's sites a call is about.

use causeway_protocol::Reason;
use causeway_protocol::profile::{SiteIdForm, SitePlace};
use causeway_protocol::records::Customer;

use crate::denied::Denied;
use crate::query::Given;

/// What the profile says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// The parameter; `None` where a platform has no sites.
    pub(crate) parameter: Option<&'a str>,
    pub(crate) form: SiteIdForm,
    pub(crate) place: SitePlace,
}

/// The site's index, `None` for a call about the whole customer. A site that is foreign, unknown or inactive gets one answer
/// (MS-02).
pub(crate) fn choose(
    rules: Rules<'_>,
    query: &Given,
    body: &Given,
    customer: &Customer,
) -> Result<Option<usize>, Denied> {
    let Some(parameter) = rules.parameter else { return Ok(None) };
    if let Some(id) = named(parameter, query, body)? {
        // Also where no site is needed: nobody behind us shall be asked about a foreign one.
        if !rules.form.accepts(id) {
            return Err(Denied::from(Reason::SiteMalformed).about(parameter));
        }
        let found = customer.sites.iter().position(|site| site.active && site.external_id == id);
        return found.map(Some).ok_or(Reason::SiteForbidden.into());
    }
    if rules.place == SitePlace::None {
        return Ok(None);
    }
    let mut active = customer.sites.iter().enumerate().filter(|(_, site)| site.active).map(|(index, _)| index);
    match (active.next(), active.next()) {
        (None, _) => Err(Reason::NoActiveSite.into()),
        (Some(only), None) => Ok(Some(only)),
        (Some(_), Some(_)) => Err(Denied::from(Reason::SiteMissing).about(parameter)),
    }
}

/// The id that the call names: in query and body the same, or in one of them.
fn named<'a>(parameter: &str, query: &'a Given, body: &'a Given) -> Result<Option<&'a str>, Denied> {
    match (query, body) {
        (Given::Twice, _) | (_, Given::Twice) => Err(Denied::from(Reason::SiteMalformed).about(parameter)),
        (Given::Once(one), Given::Once(other)) if one != other => {
            Err(Denied::from(Reason::SiteMalformed).about(parameter))
        }
        (Given::Once(id), _) | (Given::Not, Given::Once(id)) => Ok(Some(id)),
        (Given::Not, Given::Not) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use causeway_protocol::records::Site;
    use causeway_protocol::{CustomerId, SiteId};

    use super::*;

    fn customer(sites: &[(&str, bool)]) -> Customer {
        let site = |(id, active): &(&str, bool)| Site {
            id: SiteId(1),
            external_id: (*id).to_owned(),
            name: String::new(),
            active: *active,
            creator: None,
        };
        let sites = sites.iter().map(site).collect();
        Customer { id: CustomerId(1), external_id: "9".to_owned(), name: String::new(), active: true, sites }
    }

    const RULES: Rules<'_> = Rules { parameter: Some("site_id"), form: SiteIdForm::Digits, place: SitePlace::Query };

    fn ask(sites: &[(&str, bool)], id: &str) -> Result<Option<usize>, Reason> {
        let given = if id.is_empty() { Given::Not } else { Given::Once(id.to_owned()) };
        choose(RULES, &given, &Given::Not, &customer(sites)).map_err(|denied| denied.reason)
    }

    #[test]
    fn ms_02_foreign_unknown_and_inactive_get_one_answer() {
        let sites = [("11", true), ("12", true), ("13", false)];
        assert_eq!(ask(&sites, "12"), Ok(Some(1)));
        for wrong in ["13", "21", "99999", "0", "012"] {
            assert_eq!(ask(&sites, wrong), Err(Reason::SiteForbidden), "{wrong}");
        }
    }

    #[test]
    fn ms_03_one_active_site_is_the_default() {
        assert_eq!(ask(&[], ""), Err(Reason::NoActiveSite));
        assert_eq!(ask(&[("11", false)], ""), Err(Reason::NoActiveSite));
        assert_eq!(ask(&[("11", false), ("12", true)], ""), Ok(Some(1)));
        assert_eq!(ask(&[("11", true), ("12", true)], ""), Err(Reason::SiteMissing));
    }

    #[test]
    fn ms_04_odd_spellings_of_an_id_are_malformed_or_foreign() {
        let sites = [("1", true), ("2", true)];
        for odd in
            ["1 ", " 1", "1.0", "+1", "-1", "1e0", "0x1", "１", "1\0", "1,2", "1;2", "%31", "1234567890123456789"]
        {
            assert_eq!(ask(&sites, odd), Err(Reason::SiteMalformed), "{odd}");
        }
        assert_eq!(ask(&sites, "01"), Err(Reason::SiteForbidden), "compared as text");
    }

    #[test]
    fn ms_04_query_and_body_must_agree() {
        let of = |query: &str, body: &str| {
            let given = |id: &str| Given::Once(id.to_owned());
            choose(RULES, &given(query), &given(body), &customer(&[("1", true), ("2", true)])).map_err(|no| no.reason)
        };
        assert_eq!(of("2", "2"), Ok(Some(1)));
        assert_eq!(of("1", "2"), Err(Reason::SiteMalformed));
    }

    #[test]
    fn a15_a_route_about_the_customer_needs_no_site_but_checks_one() {
        let ask = |given: Given| {
            let rules = Rules { place: SitePlace::None, ..RULES };
            choose(rules, &given, &Given::Not, &customer(&[("1", true), ("2", true)])).map_err(|denied| denied.reason)
        };
        assert_eq!(ask(Given::Not), Ok(None));
        assert_eq!(ask(Given::Once("2".to_owned())), Ok(Some(1)));
        assert_eq!(ask(Given::Once("3".to_owned())), Err(Reason::SiteForbidden));
        assert_eq!(ask(Given::Twice), Err(Reason::SiteMalformed));
    }

    #[test]
    fn without_a_site_parameter_there_are_no_sites() {
        let rules = Rules { parameter: None, ..RULES };
        assert_eq!(choose(rules, &Given::Not, &Given::Not, &customer(&[("1", true)])), Ok(None));
    }
}
