package jcrosvm.guest;

/** One member of a newc archive: {@code mode} holds type and permissions as in struct stat. */
record CpioEntry(String path, int mode, byte[] data) {}
