"""The doors: one file a resource. Handlers parse, authorize, call and answer."""
