"""The scaffold ``openhands``, and what it takes of OpenHands' SDK."""
