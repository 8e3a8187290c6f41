use warehouse;
