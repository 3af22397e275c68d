"""The REST views of the desk, a module for each noun."""
