"""What can happen to organisations and to the people who act for them."""
