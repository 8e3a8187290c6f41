use lake;
