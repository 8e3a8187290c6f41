"""A local stand-in for Stripe's Checkout Sessions endpoint, for tests and demonstrations."""
