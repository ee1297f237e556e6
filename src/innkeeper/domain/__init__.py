"""Pure values of the trade: money, stays, business days, outcomes. Nothing here does I/O."""
