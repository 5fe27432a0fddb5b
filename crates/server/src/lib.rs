//! HTTP: web services under /api (a module per controller, a file per action), pages, authentication and errors.
