"""From a scan or CAD file to an entry of a catalogue."""
