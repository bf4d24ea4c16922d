//! What every adapter of the domain's ports promises, one public case a promise.
