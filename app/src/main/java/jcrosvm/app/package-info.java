/**
 * The jcrosvm program. {@link jcrosvm.app.Main} reads the switches in front of the command's name and hands the rest to
 * one {@link jcrosvm.app.Command}; each command is a file and is loaded only when it is asked for.
 *
 * <p>A failure is one line on standard error. Exit codes are crosvm's: {@link jcrosvm.app.ExitCode}.
 */
@NullMarked
package jcrosvm.app;

import org.jspecify.annotations.NullMarked;
