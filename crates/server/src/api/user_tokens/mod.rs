//! Tokens of users.

use gatehook_domain::user::{GlobalPermission, User};
use gatehook_store::{Tx, user};

use crate::action::Call;
use crate::caller::Reach;
use crate::error::ApiError;

pub(crate) mod generate;
pub(crate) mod revoke;
pub(crate) mod search;

/// The user whose tokens are meant: the one of the parameter `login`, for administrators, else the caller.
fn owner(tx: &mut Tx<'_>, call: &Call) -> Result<User, ApiError> {
    let caller = call.caller.require_login()?;
    // A token for analyses must not be a way to one that can do everything its owner can.
    call.caller.require(call.caller.reach == Reach::Whole)?;
    match call.params.text("login") {
        Some(login) if login != caller.login => {
            call.caller.require_global(tx, GlobalPermission::Admin)?;
            user::by_login(tx, login)?
                .filter(|user| user.active)
                .ok_or_else(|| ApiError::not_found(format!("User with login '{login}' doesn't exist")))
        }
        _ => Ok(caller.clone()),
    }
}
