"""What the engines that load weights on this machine share; it knows none of them."""
