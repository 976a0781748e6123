package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// job is work that takes longer than a request: it goes on when whoever asked
// for it closes the page, and is asked how far it has come.
type job struct {
	id      string
	by      mail.AccountID // who asked for it
	whose   mail.AccountID // whose mail it works on
	created time.Time
	cancel  context.CancelFunc

	// Guarded by the jobs' lock:
	progress mail.Progress
	done     mail.RestoredAsOf
	err      error
	ended    time.Time // zero while it runs
}

// jobs are those that run, and those that have ended not long ago. They are kept
// in memory: a restart ends them, and what they do can be asked for again.
type jobs struct {
	now func() time.Time

	mu      sync.Mutex
	all     map[string]*job
	stopped bool
	running sync.WaitGroup
}

func newJobs(now func() time.Time) *jobs { return &jobs{now: now, all: map[string]*job{}} }

// start begins a job, one at a time for each account.
func (j *jobs) start(by, whose mail.AccountID, work func(ctx context.Context, tell func(mail.Progress)) (mail.RestoredAsOf, error)) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for id, other := range j.all {
		switch {
		case other.ended.IsZero() && other.whose == whose:
			return nil, &Problem{Status: http.StatusConflict, Message: "Mail of this person is being restored already.",
				WhatToDo: "Wait until that is done, or stop it."}
		case other.ended.IsZero():
			n++
		case j.now().Sub(other.ended) > jobLife:
			delete(j.all, id)
		}
	}
	if n >= maxRunningJobs || j.stopped {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Retry: time.Minute, Message: "The box is restoring as much as it can at a time.",
			WhatToDo: "Try again when that is done."}
	}
	if len(j.all) >= maxJobs {
		j.forget()
	}
	ctx, cancel := context.WithCancel(context.Background())
	task := &job{id: rand.Text(), by: by, whose: whose, created: j.now(), cancel: cancel}
	j.all[task.id] = task
	j.running.Go(func() {
		defer cancel()
		done, err := work(ctx, func(p mail.Progress) {
			j.mu.Lock()
			defer j.mu.Unlock()
			task.progress = p
		})
		j.mu.Lock()
		defer j.mu.Unlock()
		task.done, task.err, task.ended = done, err, j.now()
	})
	return task, nil
}

// forget makes room: of whoever has asked for the most, the job that ended first.
// So nobody takes others' place by asking again and again. The caller holds the
// lock.
func (j *jobs) forget() {
	asked := map[mail.AccountID]int{}
	for _, o := range j.all {
		if !o.ended.IsZero() {
			asked[o.by]++
		}
	}
	var first *job
	for _, o := range j.all {
		switch {
		case o.ended.IsZero():
		case first == nil, asked[o.by] > asked[first.by], asked[o.by] == asked[first.by] && o.ended.Before(first.ended):
			first = o
		}
	}
	if first != nil {
		delete(j.all, first.id)
	}
}

// guarded runs the work; a programmer's error in it ends the work, not the box.
func (s *Server) guarded(work func() (mail.RestoredAsOf, error)) (done mail.RestoredAsOf, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			s.panics.Add(1)
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	return work()
}

// stop ends what runs, and takes no more.
func (j *jobs) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
	for _, task := range j.all {
		task.cancel()
	}
}

// wait waits until nothing runs any more.
func (j *jobs) wait(ctx context.Context) error {
	over := make(chan struct{})
	go func() {
		j.running.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find gives a job to who asked for it, and to administrators.
func (j *jobs) find(id string, who caller) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	task := j.all[id]
	if task == nil || task.by != who.Account && !who.Admin {
		return nil, &Problem{Status: http.StatusNotFound, Message: "There is no such work, or the box was restarted since.",
			WhatToDo: "Ask for it again: what is back already stays."}
	}
	return task, nil
}

// jobState is a job as the API shows it.
type jobState struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`          // running, done, failed, stopped
	Step    string   `json:"step,omitempty"` // while it runs: reading (the history), restoring
	Done    int64    `json:"done"`           // of Total: records of the history, or messages
	Total   int64    `json:"total"`
	Problem *Problem `json:"problem,omitempty"`
	// What it has done, so far when it has not ended well.
	Folder    string `json:"folder,omitempty"`
	Mailboxes int    `json:"mailboxes"`
	Back      int    `json:"back"`
	There     int    `json:"there"`
	Flagged   int    `json:"flagged"`
	Gone      int    `json:"gone"`
}

func (j *jobs) state(task *job) jobState {
	j.mu.Lock()
	defer j.mu.Unlock()
	st := jobState{
		ID: task.id, State: "running", Step: "restoring", Done: task.progress.Done, Total: task.progress.Total,
		Folder: task.done.Folder, Mailboxes: task.done.Mailboxes, Back: task.done.Back, There: task.done.There, Flagged: task.done.Flagged, Gone: task.done.Gone,
	}
	if task.progress.Reading {
		st.Step = "reading"
	}
	if task.ended.IsZero() {
		return st
	}
	st.Step = ""
	switch {
	case task.err == nil:
		st.State = "done"
	case errors.Is(task.err, context.Canceled):
		st.State = "stopped"
	default:
		st.State, st.Problem = "failed", problem(task.err)
	}
	return st
}

// postAsOfBody is what postAsOf takes.
type postAsOfBody struct {
	At      time.Time `json:"at"`
	Mailbox string    `json:"mailbox"`
	InPlace bool      `json:"in_place"`
	Folder  string    `json:"folder"`
}

// states are how far all are.
func (j *jobs) states() map[string]mail.Progress {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := map[string]mail.Progress{}
	for id, task := range j.all {
		p := task.progress
		if !task.ended.IsZero() {
			p = mail.Progress{Done: -1}
		}
		all[id] = p
	}
	return all
}

// postAsOf is POST …/undo/as-of: 202 and a job that puts a mailbox (an ID), or
// everything, back as it was at a time; into the folder, or in its place.
func (s *Server) postAsOf(w http.ResponseWriter, r *http.Request, u *undoRequest) error {
	var in postAsOfBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	ask := mail.AsOf{At: in.At, InPlace: in.InPlace, Folder: in.Folder}
	switch {
	case in.At.IsZero():
		return &Problem{Status: http.StatusBadRequest, Field: "at", Message: "The time is missing.", WhatToDo: "Say as it was when, such as 2026-11-22T14:05:00+01:00."}
	case in.At.After(s.now()):
		return &Problem{Status: http.StatusBadRequest, Field: "at", Message: "This time is still to come.", WhatToDo: "Give one that has passed."}
	case in.InPlace && in.Folder != "":
		return &Problem{Status: http.StatusBadRequest, Field: "folder", Message: "In place, no folder is used.", WhatToDo: "Leave one of the two out."}
	}
	if in.Folder != "" {
		if _, err := mail.MailboxName(in.Folder); err != nil {
			return err
		}
	}
	if in.Mailbox != "" {
		id, err := parseMailbox(in.Mailbox)
		if err != nil {
			return err
		}
		ask.Mailbox = id
	}
	task, err := s.jobs.start(u.who.Account, u.whose.ID, func(ctx context.Context, tell func(mail.Progress)) (mail.RestoredAsOf, error) {
		hear := func(p mail.Progress) {
			s.cameBack(context.WithoutCancel(ctx), u, p.Back, slog.Time("as_of", ask.At))
			p.Back = nil
			tell(p)
		}
		done, err := s.guarded(func() (mail.RestoredAsOf, error) { return u.mail.RestoreAsOf(ctx, ask, hear) })
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.LogAttrs(ctx, slog.LevelError, "restore as of a time failed", slog.String("account", u.whose.Address.String()), slog.Any("error", err))
		}
		return done, err
	})
	if err != nil {
		return err
	}
	s.undone(r, u, "restore as of a time began", slog.Time("at", ask.At))
	s.reply(w, r, http.StatusAccepted, s.jobs.state(task))
	return nil
}

// getJob is GET /api/jobs/{id}: how far it has come, or what came of it.
func (s *Server) getJob(w http.ResponseWriter, r *http.Request, who caller) error {
	task, err := s.jobs.find(r.PathValue("id"), who)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.jobs.state(task))
	return nil
}

// deleteJob is DELETE /api/jobs/{id}: stops it; what it has done stays. 204.
func (s *Server) deleteJob(w http.ResponseWriter, r *http.Request, who caller) error {
	task, err := s.jobs.find(r.PathValue("id"), who)
	if err != nil {
		return err
	}
	if task.by != who.Account { // an administrator, about what others began
		w, r = s.audited(w, r, who.Address.String())
	}
	task.cancel()
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
