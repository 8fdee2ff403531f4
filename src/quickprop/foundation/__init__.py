"""The ground floor: settings, atomic files, JSON documents, an LRU cache, random streams."""
