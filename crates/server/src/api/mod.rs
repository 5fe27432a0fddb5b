//! The Web API: a module for each controller, a file for each action.

use crate::action::Action;

mod authentication;
mod ce;
mod components;
mod hotspots;
mod issues;
mod measures;
mod metrics;
mod monitoring;
mod navigation;
mod new_code_periods;
mod permissions;
mod project_analyses;
mod project_branches;
mod projects;
pub(crate) mod qualitygates;
mod rules;
mod server;
mod settings;
mod system;
mod user_tokens;
mod users;
mod v2;
mod webhooks;
mod webservices;

/// All actions, by path.
pub(crate) static ACTIONS: &[&Action] = &[
    &authentication::validate::ACTION,
    &ce::activity::ACTION,
    &ce::component::ACTION,
    &ce::submit::ACTION,
    &ce::task::ACTION,
    &components::search::ACTION,
    &components::search_projects::ACTION,
    &components::show::ACTION,
    &hotspots::change_status::ACTION,
    &hotspots::search::ACTION,
    &hotspots::show::ACTION,
    &issues::do_transition::ACTION,
    &issues::search::ACTION,
    &issues::set_severity::ACTION,
    &issues::set_type::ACTION,
    &measures::component::ACTION,
    &measures::search_history::ACTION,
    &metrics::search::ACTION,
    &monitoring::metrics::ACTION,
    &navigation::component::ACTION,
    &navigation::global::ACTION,
    &new_code_periods::set::ACTION,
    &new_code_periods::show::ACTION,
    &new_code_periods::unset::ACTION,
    &permissions::add_user::ACTION,
    &permissions::remove_user::ACTION,
    &project_analyses::search::ACTION,
    &project_branches::list::ACTION,
    &projects::create::ACTION,
    &projects::delete::ACTION,
    &projects::search::ACTION,
    &qualitygates::create::ACTION,
    &qualitygates::create_condition::ACTION,
    &qualitygates::delete_condition::ACTION,
    &qualitygates::deselect::ACTION,
    &qualitygates::destroy::ACTION,
    &qualitygates::get_by_project::ACTION,
    &qualitygates::list::ACTION,
    &qualitygates::project_status::ACTION,
    &qualitygates::search::ACTION,
    &qualitygates::select::ACTION,
    &qualitygates::set_as_default::ACTION,
    &qualitygates::show::ACTION,
    &qualitygates::update_condition::ACTION,
    &rules::search::ACTION,
    &rules::show::ACTION,
    &server::version::ACTION,
    &settings::list_definitions::ACTION,
    &settings::reset::ACTION,
    &settings::set::ACTION,
    &settings::values::ACTION,
    &system::health::ACTION,
    &system::ping::ACTION,
    &system::status::ACTION,
    &user_tokens::generate::ACTION,
    &user_tokens::revoke::ACTION,
    &user_tokens::search::ACTION,
    &users::create::ACTION,
    &users::current::ACTION,
    &v2::analysis_version::ACTION,
    &v2::system_health::ACTION,
    &webhooks::attempts::ACTION,
    &webhooks::create::ACTION,
    &webhooks::delete::ACTION,
    &webhooks::deliveries::ACTION,
    &webhooks::delivery::ACTION,
    &webhooks::list::ACTION,
    &webhooks::pause::ACTION,
    &webhooks::preview::ACTION,
    &webhooks::redeliver::ACTION,
    &webhooks::redeliver_failed::ACTION,
    &webhooks::redeliver_window::ACTION,
    &webhooks::resume::ACTION,
    &webhooks::test::ACTION,
    &webhooks::update::ACTION,
    &webservices::list::ACTION,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_every_action_once() {
        let paths: Vec<&str> = ACTIONS.iter().map(|action| action.path).collect();
        let mut sorted = paths.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(paths, sorted);
    }

    #[test]
    fn what_takes_a_right_says_which() {
        for action in ACTIONS
            .iter()
            .filter(|action| action.access == crate::action::Access::LoggedIn)
        {
            assert!(!action.permission.is_empty(), "{}", action.path);
        }
    }
}
