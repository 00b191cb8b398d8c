"""The book's own code: a module for each chapter, of the chapter's name."""
