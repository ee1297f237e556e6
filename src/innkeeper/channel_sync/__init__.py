"""Job A: bookings, availability and rates flow between the house and a broker to the booking channels."""
