//! `/`: what this is, and where to go from here.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::pages::html;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    is_up: bool,
    version: &'static str,
    api_level: &'static str,
}

/// Answers everybody: it says nothing that `api/system/status` does not.
pub(crate) async fn page(State(state): State<AppState>) -> Response {
    let asked = state
        .store
        .read(|tx| gatehook_store::setting::get(tx, crate::bootstrap::SERVER_ID, None))
        .await;
    html(
        StatusCode::OK,
        &HomePage {
            is_up: asked.is_ok(),
            version: crate::VERSION,
            api_level: crate::API_LEVEL,
        },
    )
}
