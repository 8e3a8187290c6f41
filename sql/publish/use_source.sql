use source;
