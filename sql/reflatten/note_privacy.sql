-- Every row is kept under these privacy settings now.
update meta.runs set privacy = $privacy;
