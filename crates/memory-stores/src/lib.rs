//! The domain's ports in process memory: the fakes of the unit tests.
