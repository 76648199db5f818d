package jcrosvm.disk.raw;

import java.nio.file.Path;
import jcrosvm.base.OsException;

/** Exceptions for transfers that failed. */
final class TransferError {
    private TransferError() {}

    static OsException of(String what, Path path, long offset, int errno) {
        return new OsException("cannot " + what + " " + path + " at byte " + offset, errno);
    }

    /** Returns {@code result}, or throws if it is the negative of an errno. */
    static long check(String what, Path path, long offset, long result) {
        if (result < 0) {
            throw of(what, path, offset, (int) -result);
        }
        return result;
    }
}
