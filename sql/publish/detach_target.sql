detach target;
