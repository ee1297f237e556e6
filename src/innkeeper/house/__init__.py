"""The hotel's own books: rooms, rates, availability, guests, reservations, folios."""
