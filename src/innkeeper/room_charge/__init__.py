"""Room charge: looks a room up, posts a meal to its folio, and proves at night that all of it arrived."""
