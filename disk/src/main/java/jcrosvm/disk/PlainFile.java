package jcrosvm.disk;

import jcrosvm.base.io.Fd;

/**
 * A file that may be read and written in place of the disk it is, at equal offsets.
 *
 * @param writableFrom where writes to it may begin; those that begin before have to go through {@link DiskFile#write}
 */
public record PlainFile(Fd fd, long writableFrom) {}
