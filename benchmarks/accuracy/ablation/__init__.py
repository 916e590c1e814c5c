"""What each rule of the defaults is worth: it is removed or replaced, one at a time, over sets and made families."""
