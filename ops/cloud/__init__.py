"""What is asked of OpenStack about servers and ports, and done to them."""
