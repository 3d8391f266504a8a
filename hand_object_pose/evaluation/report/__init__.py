"""What people read of an evaluation: the HTML report and its pictures, Markdown, the terminal, JUnit."""
