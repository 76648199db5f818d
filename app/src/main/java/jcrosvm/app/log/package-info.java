/**
 * Where {@link java.lang.System.Logger} messages go: single lines on standard error and, where the host has one, to its
 * syslog daemon. Much smaller than {@code java.util.logging}, which would cost a good part of a VM's start.
 */
@NullMarked
package jcrosvm.app.log;

import org.jspecify.annotations.NullMarked;
