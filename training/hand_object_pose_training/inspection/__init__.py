"""Whether a prepared dataset's ground truth is right: compared with the files by other ways than the readers'."""
